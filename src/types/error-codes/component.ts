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
  COMPONENT_LINK_INVALID: {
    kind: "invalid_input",
    help: "Pack one component that serves what another imports: exactly one, with the same functions and types, no resources, no circle.",
  },
  COMPONENT_REQUEST_DENIED: {
    kind: "permission_denied",
    help: "Grant the component what the message names, or let it ask only for what it was granted.",
  },
  COMPONENT_REQUEST_FAILED: {
    kind: "unavailable",
    help: "Try again when the service that the message names is there.",
  },
  COMPONENT_SOURCE_INVALID: {
    kind: "invalid_input",
    help: "Describe the component in component.toml: name, world (node, mcp, component or own), language, entry, wasi, wit and [grants].",
  },
  COMPONENT_BUILDER_ABSENT: {
    kind: "unavailable",
    help: "Run the command that the message names; `gtc component doctor` lists what builds which language.",
  },
  COMPONENT_BUILD_FAILED: {
    kind: "invalid_input",
    help: "Correct the source that the message names; types must be erasable and imports relative or granted.",
  },
  COMPONENT_SOURCE_EXISTS: {
    kind: "conflict",
    help: "Choose another directory; nothing that exists is overwritten.",
  },
  COMPONENT_STUB_INVALID: {
    kind: "invalid_input",
    help: "Write HTTP stubs as a JSON list of { method, url, status, headers, body }.",
  },
  COMPONENT_CASE_INVALID: {
    kind: "invalid_input",
    help: "Write a test case as JSON: operation, input, and either output or error; docs/components.md lists the rest.",
  },
  COMPONENT_FETCH_MISSING: {
    kind: "not_found",
    help: "Name a file, a file:// URL, or the sha256: digest of a component that was fetched before.",
  },
  COMPONENT_FETCH_UNSUPPORTED: {
    kind: "unavailable",
    help: "Use a path, a file:// URL, an oci:// reference or sha256:…; download from elsewhere yourself.",
  },
  COMPONENT_DIGEST_MISMATCH: {
    kind: "permission_denied",
    help: "The content isn't what the reference promises; ask its publisher for the digest.",
  },
  COMPONENT_NOT_ADMITTED: {
    kind: "not_found",
    help: "Admit the component before it is called; a host forgets what it admitted when it ends.",
  },
  COMPONENT_OPERATION_UNKNOWN: {
    kind: "not_found",
    help: "Call an operation that the component exports; `gtc component inspect` lists them.",
  },
  COMPONENT_ABI_UNSUPPORTED: {
    kind: "invalid_input",
    help: "Call components that export one of the known interfaces or a function; `gtc component inspect` names the family.",
  },
  COMPONENT_INPUT_INVALID: { kind: "invalid_input", help: "Give the operation the input that its interface asks for." },
  COMPONENT_INVOCATION_FAILED: {
    kind: "unknown",
    help: "The node answered ok: false and gave no code of its own; its output is in the details.",
  },
  COMPONENT_FAILED: { kind: "unknown", help: "The component itself reported the failure; its message says why." },
  COMPONENT_TRAPPED: {
    kind: "internal",
    help: "The component broke off by itself; its log may say why. Report it to its publisher.",
  },
  COMPONENT_DEADLINE_EXCEEDED: {
    kind: "timeout",
    help: "The component ran longer than its call may; make it faster or allow more time.",
  },
  COMPONENT_OUTPUT_INVALID: {
    kind: "internal",
    help: "The component's answer breaks its interface or is too large; report it to its publisher.",
  },
  COMPONENT_BUSY: {
    kind: "rate_limited",
    help: "The tenant has too many calls in flight and waiting; try again later.",
  },
  COMPONENT_HOST_LOST: {
    kind: "unavailable",
    help: "The process that ran the component ended; the call may have had effects and can be tried again.",
  },
} as const satisfies ErrorTable;
