import { GreenticError, quote } from "../types/index.ts";

/** How the runtime treats a pack; `extension` is any category that it has no rule of its own for. */
export type PackKind = "application" | "provider" | "component" | "extension";

/** A capability id taken apart: `greentic.cap.{category}.v{version}`. */
export interface CapabilityId {
  /** Lower-case words between dots, for example "messaging.provider". */
  readonly category: string;
  readonly version: number;
}

/** The form of a capability id. */
export const CAPABILITY_ID = /^greentic\.cap\.([a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)*)\.v([1-9][0-9]{0,5})$/;

/** Parses a capability id. @throws PACK_CAPABILITY_INVALID */
export function parseCapabilityId(text: string): CapabilityId {
  const match = CAPABILITY_ID.exec(text);
  if (match === null || text.length > 200)
    throw new GreenticError(
      "PACK_CAPABILITY_INVALID",
      `Read capability id: expected "greentic.cap.{category}.v{N}", got ${quote(text)}`,
    );
  return { category: match[1] ?? "", version: Number(match[2]) };
}

/** Tells a pack's kind from its capability id. @throws PACK_CAPABILITY_INVALID */
export function packKindOf(capabilityId: string): PackKind {
  const { category } = parseCapabilityId(capabilityId);
  if (category === "app") return "application";
  if (category === "component") return "component";
  return category === "provider" || category.endsWith(".provider") ? "provider" : "extension";
}
