/** A JSON Schema, as describe data carries it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

declare const VALUE: unique symbol;

/** A JSON Schema that knows the TypeScript type of what it admits; plain data otherwise. */
export interface Schema<T> extends JsonSchema {
  readonly [VALUE]?: T;
}

/** A property that an object may leave out. */
export class OptionalSchema<T> {
  readonly schema: Schema<T>;
  constructor(schema: Schema<T>) {
    this.schema = schema;
  }
}

/** The type of what a schema admits. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Property = Schema<unknown> | OptionalSchema<unknown>;
type Properties = Readonly<Record<string, Property>>;
type OptionalKeys<P> = { [K in keyof P]: P[K] extends OptionalSchema<unknown> ? K : never }[keyof P];
type ValueOf<P> = P extends OptionalSchema<infer T> ? T : P extends Schema<infer T> ? T : never;
type Flat<T> = { readonly [K in keyof T]: T[K] };
type ObjectOf<P> = Flat<
  { [K in Exclude<keyof P, OptionalKeys<P>>]: ValueOf<P[K]> } & { [K in OptionalKeys<P>]?: ValueOf<P[K]> }
>;

interface Words {
  readonly title?: string;
  readonly description?: string;
}

interface TextRules extends Words {
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A regular expression that must match somewhere in the text. */
  readonly pattern?: string;
  /** Said in the schema, not checked. */
  readonly format?: string;
  readonly default?: string;
}

interface NumberRules extends Words {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: number;
}

/** Makes schemas with their TypeScript types: `s.object({ city: s.string(), days: s.optional(s.integer()) })`. */
export const s = {
  string: (rules: TextRules = {}): Schema<string> => ({ type: "string", ...rules }),
  number: (rules: NumberRules = {}): Schema<number> => ({ type: "number", ...rules }),
  integer: (rules: NumberRules = {}): Schema<number> => ({ type: "integer", ...rules }),
  boolean: (rules: Words & { readonly default?: boolean } = {}): Schema<boolean> => ({ type: "boolean", ...rules }),
  /** One of some texts. */
  choice: <const T extends string>(
    values: readonly T[],
    rules: Words & { readonly default?: NoInfer<T> } = {},
  ): Schema<T> => ({ type: "string", enum: values, ...rules }),
  list: <T>(
    items: Schema<T>,
    rules: Words & { readonly minItems?: number; readonly maxItems?: number } = {},
  ): Schema<readonly T[]> => ({ type: "array", items, ...rules }),
  /** Any keys, values of one kind. */
  map: <T>(values: Schema<T>, rules: Words = {}): Schema<Readonly<Record<string, T>>> => ({
    type: "object",
    additionalProperties: values,
    ...rules,
  }),
  /** Exactly these properties. */
  object: <const P extends Properties>(properties: P, rules: Words = {}): Schema<ObjectOf<P>> => {
    const entries = Object.entries(properties);
    return {
      type: "object",
      properties: Object.fromEntries(entries.map(([name, property]) => [name, schemaOf(property)])),
      required: entries.filter(([, property]) => !(property instanceof OptionalSchema)).map(([name]) => name),
      additionalProperties: false,
      ...rules,
    };
  },
  /** Lets an object leave the property out; a default in its schema then takes its place. */
  optional: <T>(schema: Schema<T>): OptionalSchema<T> => new OptionalSchema(schema),
  /** Lets a value be null too. */
  nullable: <T>(schema: Schema<T>): Schema<T | null> => ({ anyOf: [schema, { type: "null" }] }),
  /** Any JSON. */
  any: (): Schema<unknown> => ({}),
  /** A JSON Schema of your own with the type that you give it; keywords that the component can't check are only described. */
  json: <T>(schema: JsonSchema): Schema<T> => schema,
};

function schemaOf(property: Property): Schema<unknown> {
  return property instanceof OptionalSchema ? property.schema : property;
}
