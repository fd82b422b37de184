import type { ValueType } from "../linker/component-types.ts";
import { fieldName } from "../linker/names.ts";
import type { FamilyCall } from "./family.ts";

const NO_DEADLINE = 2n ** 64n - 1n;

/**
 * Makes a family's context record by the names of its fields: generations of the same interface differ in which they have. A
 * field that the host has no value for is empty.
 */
export function contextValue(
  type: ValueType,
  call: FamilyCall,
  given: Readonly<Record<string, unknown>> = {},
): unknown {
  if (type.kind !== "record") return emptyValue(type);
  return Object.fromEntries(
    type.fields.map((field) => {
      if (Object.hasOwn(given, field.name)) return [fieldName(field.name), given[field.name]];
      return [fieldName(field.name), fieldValue(field.name, field.type, call)];
    }),
  );
}

function fieldValue(name: string, type: ValueType, call: FamilyCall): unknown {
  const inner = type.kind === "option" ? type.some : type;
  if (inner.kind === "record") return type.kind === "option" ? undefined : contextValue(inner, call);
  const value = knownValue(name, call);
  if (value === undefined)
    return name.startsWith("deadline") && inner.kind === "u64" ? noDeadline(type) : emptyValue(type);
  if (typeof value === "string") return inner.kind === "string" ? value : emptyValue(type);
  switch (inner.kind) {
    case "u64":
    case "s64":
      return BigInt(value);
    case "u8":
    case "u16":
    case "u32":
      return value;
    default:
      return emptyValue(type);
  }
}

function knownValue(name: string, { ctx, component }: FamilyCall): string | number | undefined {
  switch (name) {
    case "env":
    case "env-id":
      return ctx.env;
    case "tenant":
    case "tenant-id":
      return ctx.tenant;
    case "team":
    case "team-id":
      return ctx.team;
    case "user":
    case "user-id":
      return ctx.user;
    case "trace-id":
      return ctx.traceId;
    case "correlation-id":
      return ctx.correlationId;
    case "session-id":
      return ctx.session;
    case "provider-id":
      return ctx.provider;
    case "flow-id":
      return ctx.flow;
    case "node-id":
    case "step-id":
      return ctx.node;
    case "component-id":
      return component;
    case "attempt":
      return ctx.attempt;
    case "idempotency-key":
      return ctx.idempotencyKey;
    case "i18n-id":
    case "locale":
      return ctx.locale;
    case "deadline-ms":
    case "deadline-unix-ms":
      return ctx.deadlineMs === undefined ? undefined : Math.max(0, Math.ceil(ctx.deadlineMs));
    default:
      return undefined;
  }
}

/** No deadline is none where that can be said, else the end of time. */
function noDeadline(type: ValueType): unknown {
  return type.kind === "option" ? undefined : NO_DEADLINE;
}

/** The value of a type that says nothing. */
function emptyValue(type: ValueType): unknown {
  switch (type.kind) {
    case "string":
      return "";
    case "bool":
      return false;
    case "s64":
    case "u64":
      return 0n;
    case "list":
    case "flags":
      return type.kind === "list" ? [] : {};
    case "option":
      return undefined;
    case "record":
      return Object.fromEntries(type.fields.map((field) => [fieldName(field.name), emptyValue(field.type)]));
    case "tuple":
      return type.items.map(emptyValue);
    case "enum":
      return type.names[0];
    case "char":
      return "\0";
    default:
      return 0;
  }
}
