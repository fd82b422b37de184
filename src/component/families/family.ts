import type { JsonValue, OutcomeError, TenantCtx } from "../../types/index.ts";
import type { ComponentAbi, ComponentDescription } from "../host.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";

/** One call as a family translates it. */
export interface FamilyCall {
  readonly ctx: TenantCtx;
  readonly operation: string;
  readonly input: JsonValue;
  readonly config: JsonValue | undefined;
}

/** What the component answered; its own errors are answers. */
export type FamilyAnswer =
  | { readonly kind: "ok"; readonly output: JsonValue }
  | { readonly kind: "error"; readonly error: OutcomeError };

/** A calling convention: how JSON goes into a component and comes out. */
export interface Family {
  readonly abi: ComponentAbi;
  /** Tells whether the exports show this family. */
  probe(exports: readonly ExportRef[]): boolean;
  /** @throws COMPONENT_OPERATION_UNKNOWN, COMPONENT_OUTPUT_INVALID; Trap where the guest was stopped */
  call(instance: ComponentInstance, call: FamilyCall): Promise<FamilyAnswer>;
  /** Asks what the component is. @throws COMPONENT_OUTPUT_INVALID; Trap where the guest was stopped */
  describe(instance: ComponentInstance): Promise<ComponentDescription>;
}
