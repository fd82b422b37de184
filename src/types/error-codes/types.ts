import type { ErrorTable } from "../error-kind.ts";

/** Codes of the types layer. */
export const typesErrors = {
  TYPES_ID_INVALID: {
    kind: "invalid_input",
    help: "Ids of env, tenant, team and channel are lower-case letters, digits and inner hyphens, 1 to 63 characters, starting with a letter or digit.",
  },
  TYPES_KEY_INVALID: {
    kind: "invalid_input",
    help: "Users, conversations and state keys are 1 to 512 characters without control characters.",
  },
  TYPES_JSON_INVALID: { kind: "invalid_input", help: "Send well-formed JSON in UTF-8." },
  TYPES_JSON_TOO_DEEP: { kind: "invalid_input", help: "Nest arrays and objects at most 64 deep." },
  TYPES_JSON_TOO_LARGE: { kind: "invalid_input", help: "Send at most the number of bytes that the message names." },
  TYPES_CBOR_INVALID: {
    kind: "invalid_input",
    help: "Send well-formed CBOR (RFC 8949) whose map keys are unique texts.",
  },
  TYPES_CBOR_TOO_DEEP: { kind: "invalid_input", help: "Nest lists, maps and tags at most 64 deep." },
  TYPES_CBOR_TOO_LARGE: {
    kind: "invalid_input",
    help: "Send at most the number of bytes and items that the message names.",
  },
  TYPES_ENVELOPE_INVALID: {
    kind: "invalid_input",
    help: "Follow the ChannelMessageEnvelope shape: id, channel, from, text, attachments, metadata (a map of strings).",
  },
} as const satisfies ErrorTable;
