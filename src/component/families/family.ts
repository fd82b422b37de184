import type { JsonValue, OutcomeError, TenantCtx } from "../../types/index.ts";
import type { ComponentAbi, ComponentDescription } from "../host.ts";
import type { ComponentInstance } from "../linker/index.ts";
import type { ExportTable } from "./export-table.ts";

/** One call as a family translates it. */
export interface FamilyCall {
  readonly ctx: TenantCtx;
  /** The component's name in its pack. */
  readonly component: string;
  readonly operation: string;
  readonly input: JsonValue;
  readonly config: JsonValue | undefined;
  /** What the guest has written to its standard output so far, where {@link BoundFamily.world} asked for it. */
  readonly stdout?: () => Uint8Array;
}

/** What the component answered; its own errors are answers. */
export type FamilyAnswer =
  | { readonly kind: "ok"; readonly output: JsonValue }
  | { readonly kind: "error"; readonly error: OutcomeError };

/** What a guest finds in its world besides the host's functions. */
export interface GuestWorld {
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
}

/** A calling convention: how JSON goes into a component and comes out. */
export interface Family {
  readonly abi: ComponentAbi;
  /** Finds the convention in what a component really exports; undefined where it isn't there. */
  bind(exports: ExportTable): BoundFamily | undefined;
}

/** A convention as one component shows it. */
export interface BoundFamily {
  readonly abi: ComponentAbi;
  /** Operations that it serves by its own functions. */
  readonly operations: readonly string[];
  /** Whether it hands any other operation on to the component. */
  readonly isOpen: boolean;
  /** @throws COMPONENT_OPERATION_UNKNOWN, COMPONENT_INPUT_INVALID, COMPONENT_OUTPUT_INVALID; Trap where the guest was stopped */
  call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer>;
  /** Asks what the component is. @throws COMPONENT_OUTPUT_INVALID; Trap where the guest was stopped */
  describe(instance: ComponentInstance): Promise<ComponentDescription>;
  /** What a call's guest finds in its world, for a convention that speaks by arguments and streams. @throws COMPONENT_INPUT_INVALID */
  world?(call: FamilyCall): GuestWorld;
}
