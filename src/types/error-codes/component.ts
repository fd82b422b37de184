import type { ErrorTable } from "../error-kind.ts";

/** Codes of the component layer. */
export const componentErrors = {
  COMPONENT_BINARY_INVALID: {
    kind: "invalid_input",
    help: "Give a valid WebAssembly component binary; the message names the offset and the reason.",
  },
  COMPONENT_ASYNC_UNSUPPORTED: {
    kind: "invalid_input",
    help: "Build the component without the asynchronous (WASI 0.3) ABI; componentize-qjs wants sync: true.",
  },
  COMPONENT_LIMIT_EXCEEDED: {
    kind: "invalid_input",
    help: "Make the component smaller, or raise the limit that the message names.",
  },
  COMPONENT_OPCODE_REFUSED: {
    kind: "invalid_input",
    help: "Build without threads, exceptions, garbage collection, memory64, multiple memories and shared memory.",
  },
  COMPONENT_IMPORT_UNGRANTED: {
    kind: "permission_denied",
    help: "Grant what the message names in the pack's manifest, or build the component without it.",
  },
} as const satisfies ErrorTable;
