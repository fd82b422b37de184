import type { ErrorTable } from "../error-kind.ts";

/** Codes of the secrets layer. */
export const secretsErrors = {
  SECRETS_URI_INVALID: {
    kind: "invalid_input",
    help: "Write secrets://{env}/{tenant}/{team or _}/{category}/{name}, each part of lower-case letters, digits, dot, hyphen and underscore.",
  },
  SECRETS_FILE_INVALID: {
    kind: "invalid_input",
    help: "The secrets file is one JSON object: URI → text. Restore it or write it anew with `gtc secrets set`.",
  },
  SECRETS_FILE_EXPOSED: {
    kind: "permission_denied",
    help: "Make the secrets file readable by its owner alone: chmod 600.",
  },
  SECRETS_VALUE_INVALID: { kind: "invalid_input", help: "Write secrets as UTF-8 text; encode other bytes in base64." },
  SECRETS_NOT_FOUND: { kind: "not_found", help: "Set it with `gtc secrets set NAME --tenant T`." },
} as const satisfies ErrorTable;
