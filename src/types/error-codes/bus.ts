import type { ErrorTable } from "../error-kind.ts";

/** Codes of the bus layer. */
export const busErrors = {
  BUS_UNAVAILABLE: {
    kind: "unavailable",
    help: "The NATS server can't be reached; wake-ups are dropped until it is back, and sweeps find what they were about.",
  },
  BUS_CREDENTIAL_INVALID: {
    kind: "unauthenticated",
    help: "Correct the URL's user, password or token, or the file of nats.credentials.",
  },
  BUS_URL_INVALID: {
    kind: "invalid_input",
    help: "Write nats://host:4222 or tls://host:4222; several servers with commas between them.",
  },
  BUS_STREAM_UNUSABLE: {
    kind: "unavailable",
    help: "Start nats-server with JetStream (-js), and let the account make streams and consumers; wake-ups come late until then.",
  },
  BUS_HANDLER_FAILED: {
    kind: "internal",
    help: "The host met something unexpected while it took a wake-up; see the cause.",
  },
} as const satisfies ErrorTable;
