import type { ErrorTable } from "../error-kind.ts";

/** Codes of the config layer. */
export const configErrors = {
  CONFIG_FILE_MISSING: {
    kind: "not_found",
    help: "Create the file, or name another with --config or GREENTIC_CONFIG.",
  },
  CONFIG_SYNTAX_INVALID: { kind: "invalid_input", help: "Fix the syntax at the place that is shown." },
  CONFIG_KEY_UNKNOWN: {
    kind: "invalid_input",
    help: "Remove the key or correct its spelling; `gtc config show --origin` lists the known ones.",
  },
  CONFIG_VALUE_INVALID: { kind: "invalid_input", help: "Give the key a value of the shape that the message names." },
  CONFIG_ENV_INVALID: {
    kind: "invalid_input",
    help: "Correct the environment variable that the message names, or unset it.",
  },
  CONFIG_BUNDLE_INCONSISTENT: {
    kind: "invalid_input",
    help: "The bundle's own files contradict each other: build it again, or fetch it again.",
  },
  CONFIG_BUNDLE_PACK_MISSING: {
    kind: "not_found",
    help: "Put the pack into the bundle's packs/ folder, or name it as oci://…; a path of another machine leads nowhere.",
  },
} as const satisfies ErrorTable;
