// The component model's types as plain data, so that a plan can be cloned to another thread or process.
// Types form a graph without cycles; the same object may stand in many places and is compared by identity.

/** A primitive value type. */
export type PrimitiveKind =
  | "bool"
  | "s8"
  | "u8"
  | "s16"
  | "u16"
  | "s32"
  | "u32"
  | "s64"
  | "u64"
  | "f32"
  | "f64"
  | "char"
  | "string";

/** A value type; names are spelled as in WIT. */
export type ValueType =
  | { readonly kind: PrimitiveKind }
  | { readonly kind: "record"; readonly fields: readonly NamedType[] }
  | { readonly kind: "variant"; readonly cases: readonly VariantCase[] }
  | { readonly kind: "list"; readonly element: ValueType }
  | { readonly kind: "tuple"; readonly items: readonly ValueType[] }
  | { readonly kind: "flags"; readonly names: readonly string[] }
  | { readonly kind: "enum"; readonly names: readonly string[] }
  | { readonly kind: "option"; readonly some: ValueType }
  | { readonly kind: "result"; readonly ok: ValueType | null; readonly err: ValueType | null }
  | { readonly kind: "own" | "borrow"; readonly resource: ResourceType };

/** A field of a record or a parameter of a function. */
export interface NamedType {
  readonly name: string;
  readonly type: ValueType;
}

/** A case of a variant; null where it carries nothing. */
interface VariantCase {
  readonly name: string;
  readonly type: ValueType | null;
}

/** A resource type; generative: every instantiation of the component that defines it makes another. */
export interface ResourceType {
  readonly kind: "resource";
  /** Unique within the plan. */
  readonly id: number;
  /** The component instance that defines it; null where the host does. */
  readonly definedBy: number | null;
  /** The core function that ends a representation, where the definer has one. */
  readonly destructor: CoreRef | null;
}

/** A function type; `result` is null where nothing is returned. */
export interface FunctionType {
  readonly kind: "func";
  readonly params: readonly NamedType[];
  readonly result: ValueType | null;
}

/** Where a core definition comes from at instantiation. */
export type CoreRef =
  | { readonly kind: "export"; readonly coreInstance: number; readonly name: string }
  | { readonly kind: "lower"; readonly lower: number }
  | {
      readonly kind: "resource-new" | "resource-drop" | "resource-rep";
      readonly resource: ResourceType;
      readonly instance: number;
    };
