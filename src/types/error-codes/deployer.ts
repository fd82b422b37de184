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
  DEPLOYER_TARGET_UNKNOWN: {
    kind: "invalid_input",
    help: "Use --target desktop, container, serverless or kubernetes.",
  },
  DEPLOYER_SETTING_MISSING: { kind: "invalid_input", help: "Set it in deploy.toml; docs/deploying.md has every key." },
  DEPLOYER_SETTING_INVALID: { kind: "invalid_input", help: "Name the file or directory without control characters." },
  DEPLOYER_SECRET_EXPOSED: {
    kind: "invalid_input",
    help: "What is rendered can be read by many: name the public key, and keep the private one where packs are signed.",
  },
  DEPLOYER_PROGRAM_MISSING: {
    kind: "unavailable",
    help: "Install the program, or run the command that the message names where it is; the files are in the directory that it names.",
  },
  DEPLOYER_PROGRAM_FAILED: {
    kind: "unavailable",
    help: "Run the command that the message names to see all that it says, then apply again: what was done already stays.",
  },
  DEPLOYER_STATE_INVALID: {
    kind: "internal",
    help: "Something else changed `deployments/` of the data directory; put it back, or remove that deployment's folder and apply again.",
  },
  DEPLOYER_REVISION_MISSING: { kind: "not_found", help: "`gtc deployer status` lists the revisions." },
  DEPLOYER_IMAGE_UNSUPPORTED: {
    kind: "invalid_input",
    help: "Build on Linux after `npm ci && npm run build`, or with the Containerfile that `deployer render --target container` writes.",
  },
} as const satisfies ErrorTable;
