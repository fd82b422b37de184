import type { ErrorTable } from "../error-kind.ts";

/** Codes of the deployer layer. */
export const deployerErrors = {
  DEPLOYER_FILE_EXISTS: {
    kind: "conflict",
    help: "Keep the file and edit it, or run again with --force to replace it.",
  },
  DEPLOYER_CONNECTOR_UNKNOWN: { kind: "invalid_input", help: "Use messaging.webchat or messaging.telegram." },
  DEPLOYER_NOT_INITIALISED: {
    kind: "not_found",
    help: "Run `greentic-deployer init --tenant T --connector messaging.webchat` first.",
  },
  DEPLOYER_SHELF_INVALID: {
    kind: "internal",
    help: "The list of registered packs is damaged; remove packs.json in the data directory and load the packs again.",
  },
  DEPLOYER_PACK_MISSING: { kind: "not_found", help: "Register it with `greentic-runner load --pack FILE`." },
} as const satisfies ErrorTable;
