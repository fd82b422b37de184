import type { ErrorTable } from "../error-kind.ts";

/** Codes of the store of files. */
export const blobErrors = {
  BLOB_TOO_LARGE: {
    kind: "invalid_input",
    help: "Send a smaller file, or raise `max_bytes` in [attachments] of greentic.toml.",
  },
  BLOB_DAMAGED: {
    kind: "internal",
    help: "A kept file isn't what was written; look after the disk or server that holds the files. The file has to be sent again.",
  },
} as const satisfies ErrorTable;
