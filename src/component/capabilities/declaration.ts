import type { ComponentGrants } from "../grants.ts";

/** What a capability answers to and who may have it. */
export interface CapabilityDeclaration {
  readonly name: string;
  /** Interfaces with their versions, as components import them. */
  readonly interfaces: readonly string[];
  /** Tells whether grants admit the import of one of its interfaces at all; single requests are judged again when they are made. */
  isGranted(grants: ComponentGrants, name: string): boolean;
}
