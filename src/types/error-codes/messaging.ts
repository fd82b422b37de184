import type { ErrorTable } from "../error-kind.ts";

/** Codes of the messaging layer. */
export const messagingErrors = {
  MESSAGING_ACTIVITY_INVALID: {
    kind: "invalid_input",
    help: "Send a Direct Line 3.0 activity: an object with `type`, and `text` or `value`; the message names the field.",
  },
  MESSAGING_EVENT_INVALID: {
    kind: "invalid_input",
    help: "The request is signed as it should be and says no event: it needs what the message names. Look at the sender's settings; anything but JSON with an event's name isn't taken.",
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
  MESSAGING_MESSAGE_GONE: {
    kind: "not_found",
    help: "The platform told of a message and has none of that name: it was deleted before it was fetched, or the worker left the room. `gtc outbox retry` asks once more.",
  },
  MESSAGING_SEND_UNKNOWN: {
    kind: "timeout",
    help: "The connection broke after the request had begun, so the message may have arrived; the tenant's policy decides what follows.",
  },
  MESSAGING_FILE_TOO_LARGE: {
    kind: "invalid_input",
    help: "The file is larger than the host (`max_bytes` in [attachments]) or the platform lets it be; send a smaller one.",
  },
  MESSAGING_FILE_TYPE_REFUSED: {
    kind: "invalid_input",
    help: "Files of this type aren't taken; name it in `types` of [attachments] if it is wanted. Programs never are.",
  },
  MESSAGING_FILE_UNREADABLE: {
    kind: "invalid_input",
    help: "What the message names is no file in a form that the channel has; send it again.",
  },
  MESSAGING_FILE_UNAVAILABLE: {
    kind: "unavailable",
    help: "The file couldn't be fetched from the platform, or isn't kept any more; have it sent again.",
  },
  MESSAGING_FILE_HOST_REFUSED: {
    kind: "permission_denied",
    help: "The platform named an address for the file that isn't one of its own hosts, so nothing was asked there.",
  },
  MESSAGING_ADDRESS_INVALID: {
    kind: "invalid_input",
    help: "A mail goes to one address, `anna@example.com`, without a name, quotes or spaces; correct the `id` of the destination.",
  },
  MESSAGING_RECIPIENT_REFUSED: {
    kind: "not_found",
    help: "The mail server takes nothing for this address: it doesn't exist, or wants no mail. Correct the address; the message isn't tried again by itself.",
  },
  MESSAGING_TOO_LARGE: {
    kind: "invalid_input",
    help: "The message with its files is larger than the channel (`max_megabytes`) or the mail server takes; send a link instead.",
  },
  MESSAGING_CONNECTION_INSECURE: {
    kind: "unavailable",
    help: "The mail server offers no encryption, or its certificate isn't its own. Correct `smtp_host`, `smtp_port` or `smtp_security`; `plain` sends messages and passwords readable. The send is tried again by itself.",
  },
  MESSAGING_MAILBOX_UNUSABLE: {
    kind: "permission_denied",
    help: "The mailbox can't be marked as read, so that every message would come again for ever; give the user of `imap_user` that right.",
  },
  MESSAGING_CREDENTIAL_INVALID: {
    kind: "invalid_input",
    help: "The channel's credential doesn't have the platform's form; copy it again from the platform.",
  },
  MESSAGING_PROVIDER_FAILED: {
    kind: "internal",
    help: "A component of the channel's provider pack broke off, or gave no answer that means anything, before a request left; the host's log has its words.",
  },
  MESSAGING_PROVIDER_DENIED: {
    kind: "permission_denied",
    help: "The channel's provider pack wants to reach what it isn't granted: name the origin under the channel's `http` in the bundle, if the pack may.",
  },
  MESSAGING_CHANNEL_UNREGISTERED: {
    kind: "conflict",
    help: "The platform posts somewhere else, or nowhere; `gtc setup` tells it where this channel is.",
  },
  MESSAGING_CHANNEL_UNREACHED: {
    kind: "unavailable",
    help: "The platform knows the channel's address and gets no good answer there: start the host, and see that the address leads to it.",
  },
} as const satisfies ErrorTable;
