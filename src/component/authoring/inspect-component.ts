import { createHash } from "node:crypto";
import { abiOf } from "../families/families.ts";
import type { ComponentInfo } from "../host.ts";
import { parseComponent } from "../linker/index.ts";

/**
 * Reads what a component is from its bytes; nothing of it is compiled or run, and imports that no host has are only named.
 * @throws COMPONENT_BINARY_INVALID, COMPONENT_LIMIT_EXCEEDED, COMPONENT_OPCODE_REFUSED, COMPONENT_ASYNC_UNSUPPORTED
 */
export function inspectComponent(bytes: Uint8Array): ComponentInfo {
  const { imports, exports } = parseComponent(bytes);
  return {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    sizeBytes: bytes.byteLength,
    abi: abiOf(exports),
    imports: [...new Set(imports.map(({ instance, name }) => instance ?? name))],
    exports: [...new Set(exports.map((item) => item.interface ?? item.name))],
  };
}
