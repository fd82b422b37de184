import { GreenticError } from "../../types/index.ts";
import type { BinaryReader } from "./binary-reader.ts";

/** Refuses what belongs to the asynchronous ABI. @throws COMPONENT_ASYNC_UNSUPPORTED */
export function refuseAsync(what: string, reader: BinaryReader, at = reader.offset): never {
  const offset = reader.base + at;
  throw new GreenticError("COMPONENT_ASYNC_UNSUPPORTED", `Parse component at offset ${offset}: ${what}`, {
    details: { offset },
  });
}
