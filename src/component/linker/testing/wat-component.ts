import { parse } from "@bytecodealliance/jco";
import type { ComponentInstance, HostFunction, InstantiateOptions, LinkerLimits } from "../index.ts";
import { linkComponent, parseComponent } from "../index.ts";

/** A component around one core module, for tests of what guests may do wrong. */
export interface WatComponent {
  /** The core module's fields. */
  readonly core: string;
  /** The type of the export `run`, as `(param …) (result …)`; its core function is `run`. */
  readonly type: string;
  /** Component fields before the module: types, imports, lowered functions. */
  readonly before?: string;
  /** Arguments of the core instantiation. */
  readonly withs?: string;
  /** Canonical options of the export. */
  readonly options?: string;
}

/** Writes a {@link WatComponent} as text. */
export function watOf(parts: WatComponent): string {
  return `(component ${parts.before ?? ""}
    (core module $m ${parts.core})
    (core instance $i (instantiate $m ${parts.withs ?? ""}))
    (func (export "run") ${parts.type} (canon lift (core func $i "run") ${parts.options ?? ""})))`;
}

export const WITH_MEMORY = `(memory (core memory $i "memory")) (realloc (core func $i "realloc"))`;
export const MEMORY = `(memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))`;

/** Parses, links and instantiates a component. */
export async function instantiateWat(
  parts: WatComponent,
  options: InstantiateOptions & { readonly host?: HostFunction; readonly parse?: Partial<LinkerLimits> } = {},
): Promise<ComponentInstance> {
  const bytes = await parse(watOf(parts));
  return linkComponent(parseComponent(bytes, options.parse), () => options.host).instantiate(undefined, options);
}

export const RUN = { interface: null, name: "run" } as const;
