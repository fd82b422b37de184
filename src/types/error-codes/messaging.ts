import type { ErrorTable } from "../error-kind.ts";

/** Codes of the messaging layer. */
export const messagingErrors = {
  MESSAGING_ACTIVITY_INVALID: {
    kind: "invalid_input",
    help: "Send a Direct Line 3.0 activity: an object with `type`, and `text` or `value`; the message names the field.",
  },
  MESSAGING_RATE_LIMITED: {
    kind: "rate_limited",
    help: "The channel's own limit is used up for now; the send is tried again by itself.",
  },
  MESSAGING_PAYLOAD_INVALID: {
    kind: "internal",
    help: "An outbox row doesn't hold what this channel projects; it was written by another version or by hand.",
  },
  MESSAGING_PLATFORM_UNAVAILABLE: {
    kind: "unavailable",
    help: "The platform can't be reached or answered with a server error; the send is tried again by itself.",
  },
  MESSAGING_PLATFORM_REFUSED: {
    kind: "permission_denied",
    help: "The platform refused the message for good: the person blocked the worker, the chat is gone, or the message breaks its rules.",
  },
  MESSAGING_PLATFORM_UNAUTHENTICATED: {
    kind: "unauthenticated",
    help: "The platform doesn't know the channel's credential; set it again with `gtc secrets set`.",
  },
  MESSAGING_WINDOW_CLOSED: {
    kind: "permission_denied",
    help: "The person last wrote more than 24 hours ago, when WhatsApp takes templates only: name an approved one as the channel's `template_name`, or wait until they write.",
  },
  MESSAGING_ENDPOINT_GONE: {
    kind: "not_found",
    help: "The receiver answered 410: it wants no more webhooks there. Correct the channel's `url`, then send the failed rows again with `gtc outbox retry`.",
  },
  MESSAGING_SEND_UNKNOWN: {
    kind: "timeout",
    help: "The connection broke after the request had begun, so the message may have arrived; the tenant's policy decides what follows.",
  },
  MESSAGING_CREDENTIAL_INVALID: {
    kind: "invalid_input",
    help: "The channel's credential doesn't have the platform's form; copy it again from the platform.",
  },
} as const satisfies ErrorTable;
