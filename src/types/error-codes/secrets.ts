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
  SECRETS_BACKEND_UNAVAILABLE: {
    kind: "unavailable",
    help: "The service that keeps secrets is sealed, overloaded or not to be reached; what it said last serves for a while.",
  },
  SECRETS_BACKEND_DENIED: {
    kind: "permission_denied",
    help: "The service that keeps secrets refuses this host: check its token or role, and the policy for the path.",
  },
  SECRETS_BACKEND_FAILED: { kind: "internal", help: "Look at the service or folder that keeps secrets." },
  SECRETS_SEAL_BROKEN: {
    kind: "permission_denied",
    help: "Somebody or something changed the sealed file: restore it from a backup, and look who can write to the data directory.",
  },
  SECRETS_KEY_MISSING: {
    kind: "not_found",
    help: "Sealed secrets open with their own key alone: restore `secrets.key`, name its place in GREENTIC_SECRETS_KEY_FILE, or unlock the keyring.",
  },
  SECRETS_SDK_MISSING: {
    kind: "not_found",
    help: "Install the package beside the host or in the directory that `sdk_dir` names (of `[secrets]`, `[libsql]` or `[dynamodb]`), with the command of the message.",
  },
  SECRETS_SDK_BROKEN: {
    kind: "internal",
    help: "The package is there and can't be loaded: install it anew, in a version that this Node runs.",
  },
  SECRETS_NOT_FOUND: { kind: "not_found", help: "Set it with `gtc secrets set NAME --tenant T`." },
} as const satisfies ErrorTable;
