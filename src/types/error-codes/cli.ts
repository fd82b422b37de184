import type { ErrorTable } from "../error-kind.ts";

/** Codes of the cli layer. */
export const cliErrors = {
  CLI_USAGE_INVALID: { kind: "invalid_input", help: "See `gtc --help`, or --help of the command." },
  CLI_FILE_MISSING: { kind: "not_found", help: "Check the path." },
  CLI_PATH_UNUSABLE: {
    kind: "unavailable",
    help: "Check the path, its permissions and the disk's space, then run again.",
  },
  CLI_ENV_REFUSED: {
    kind: "permission_denied",
    help: "Run `gtc dev` with --env dev; elsewhere sign the pack and use `gtc start`.",
  },
  CLI_TARGET_EXISTS: { kind: "conflict", help: "Choose another path, or edit the file that is there." },
  CLI_EDIT_REFUSED: {
    kind: "invalid_input",
    help: "Make the edit in an order that keeps the flow whole, or use --force and mend it next.",
  },
  CLI_TEST_INVALID: {
    kind: "invalid_input",
    help: "Correct the conversation test at the place that is shown; docs/flow-tools.md has the format.",
  },
  CLI_TEST_PACKLESS: {
    kind: "not_found",
    help: "Put the test below the pack's source directory, or name the pack with --pack.",
  },
  CLI_ANSWERS_INVALID: {
    kind: "invalid_input",
    help: "Answers are objects by the channel's name, values by the question's; docs/setup.md has an example.",
  },
  CLI_SETUP_INCOMPLETE: {
    kind: "invalid_input",
    help: "Answer what is named: run `gtc setup` in a terminal, or put it into the file of --answers.",
  },
  CLI_SETUP_FLOW_FAILED: {
    kind: "invalid_input",
    help: "`gtc flow doctor --pack` checks the pack's flows; what it asks for can also be set by hand (`gtc secrets set`, the channel's config).",
  },
  CLI_REPLAY_INCOMPLETE: {
    kind: "not_found",
    help: 'Set journal = "replay" in greentic.toml before the conversation that is to be replayed; a journal keeps 50 turns for a week.',
  },
  CLI_REPLAY_STUCK: { kind: "timeout", help: "Give it longer with --timeout, or look at what the flow waits for." },
  CLI_DEAD_LETTER_MISSING: { kind: "not_found", help: "`gtc dlq list` names them." },
  CLI_ROLE_ALONE: {
    kind: "invalid_input",
    help: "Give redis.url and nats.url (GREENTIC_REDIS_URL, GREENTIC_NATS_URL), or let one process have all roles.",
  },
  CLI_BUNDLE_EMPTY: { kind: "invalid_input", help: "Name an app under `apps`, or put its pack into packs/." },
  CLI_BUNDLE_PACK_OUTSIDE: {
    kind: "invalid_input",
    help: "An image holds what is below the bundle's directory: move the file there, or name the pack as oci://….",
  },
  CLI_BUNDLE_APP_DUPLICATE: { kind: "invalid_input", help: "Name the pack once for each tenant and team." },
  CLI_BUNDLE_PROVIDER_UNSERVED: {
    kind: "invalid_input",
    help: "Give the channel the `type` of a built-in one where it fits; packs of other channels aren't run yet.",
  },
  CLI_BUNDLE_SETUP_MISSING: {
    kind: "not_found",
    help: "Set the channel up by hand, with `gtc secrets set` and its `config`.",
  },
  CLI_BUNDLE_SECRET_MISSING: {
    kind: "not_found",
    help: "Keep the secret with `gtc secrets set`, as the message says.",
  },
  CLI_BUNDLE_ACCESS_UNMATCHED: {
    kind: "invalid_input",
    help: "The rule is about nothing that this bundle has: correct its path, or remove it.",
  },
  CLI_BUNDLE_ACCESS_SHADOWED: {
    kind: "invalid_input",
    help: "Another rule always goes before this one: remove it, or make its path more exact.",
  },
  CLI_BUNDLE_ACCESS_CLOSED: {
    kind: "invalid_input",
    help: "Let somebody in with a rule like `pack = public`, or start with --open-access.",
  },
  CLI_SESSION_MISSING: { kind: "not_found", help: "List sessions with `gtc session list`." },
  CLI_SEND_MISSING: { kind: "not_found", help: "List sends with `gtc outbox list`." },
  CLI_INTERNAL: {
    kind: "internal",
    help: "This is a defect; run again with GREENTIC_LOG_LEVEL=debug and report what it prints.",
  },
} as const satisfies ErrorTable;
