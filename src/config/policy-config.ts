import { resolve } from "node:path";
import type { JsonObject, SourcePosition, TenantId } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { PolicyPoint } from "./policy-points.ts";
import type { SourceDocument, SourcePath } from "./source-document.ts";

/** One declarative rule, not compiled yet. */
export interface PolicyRule {
  readonly id: string;
  readonly at: readonly PolicyPoint[];
  /** CEL. */
  readonly when: string;
  readonly effect: "deny" | "allow";
  readonly message?: string;
  /** Whom it is about where it is one tenant's own. */
  readonly tenant?: TenantId;
  readonly place: SourcePosition;
}

/** What one allow-list admits; what a list says nothing of, it doesn't restrict. */
export interface NetworkList {
  /** `network.packs.weather`: what denials are named by. */
  readonly id: string;
  readonly subject:
    | { readonly kind: "all" }
    | { readonly kind: "tenant" | "pack" | "component"; readonly name: string };
  /** Whom it is about where a tenant's own file says so. */
  readonly tenant?: TenantId;
  /** Exact hosts, or `*.example.com` for any one label. */
  readonly domains?: readonly string[];
  readonly ports?: readonly number[];
  readonly protocols?: readonly ("http" | "https")[];
}

/** An Open Policy Agent that is asked beside the rules. */
export interface OpaConfig {
  readonly source:
    | { readonly kind: "rest"; readonly url: string; readonly tokenFile?: string }
    | { readonly kind: "wasm"; readonly file: string; readonly entrypoint?: string; readonly sdkDir?: string };
  readonly at: readonly PolicyPoint[];
  readonly timeoutMs: number;
  readonly cacheSeconds: number;
  readonly onError: "deny" | "allow";
}

/** What a host decides by. */
export interface PolicyConfig {
  readonly default: "allow" | "deny";
  /** Points where nothing is allowed that no rule allows. */
  readonly defaultDenyAt: readonly PolicyPoint[];
  readonly rules: readonly PolicyRule[];
  readonly network: readonly NetworkList[];
  /** By tenant. */
  readonly labels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly opa?: OpaConfig;
}

/** Where data may be. */
export interface ResidencyConfig {
  /** Where this host is. */
  readonly region?: string;
  /** The region that a tenant's data must stay in, by tenant. */
  readonly tenants: Readonly<Record<string, string>>;
  /** Where hosts are, by host or `*.example.com`. */
  readonly destinations: Readonly<Record<string, string>>;
}

/** Where nothing is denied. */
export const NO_POLICY: PolicyConfig = { default: "allow", defaultDenyAt: [], rules: [], network: [], labels: {} };

interface RuleTable {
  readonly id: string;
  readonly at: readonly PolicyPoint[];
  readonly when: string;
  readonly effect?: "deny" | "allow";
  readonly message?: string;
}

interface ListTable {
  readonly domains?: readonly string[];
  readonly ports?: readonly number[];
  readonly protocols?: readonly ("http" | "https")[];
}

interface NetworkTable extends ListTable {
  readonly tenants?: Readonly<Record<string, ListTable>>;
  readonly packs?: Readonly<Record<string, ListTable>>;
  readonly components?: Readonly<Record<string, ListTable>>;
}

interface OpaTable {
  readonly url?: string;
  readonly wasm?: string;
  readonly entrypoint?: string;
  readonly token_file?: string;
  readonly sdk_dir?: string;
  readonly at?: readonly PolicyPoint[];
  readonly timeout_ms?: number;
  readonly cache_seconds?: number;
  readonly on_error?: "deny" | "allow";
}

/** Where OPA is asked unless it is said: what is rare enough for a request. */
const OPA_POINTS: readonly PolicyPoint[] = ["tool", "component.http", "secret.read", "pack.load", "event.publish"];

/** Reads `[policy]`. @throws CONFIG_VALUE_INVALID where an id stands twice */
export function readPolicyConfig(document: SourceDocument | undefined, table: JsonObject, base: string): PolicyConfig {
  if (document === undefined || Object.keys(table).length === 0) return NO_POLICY;
  const { network, opa } = table as { readonly network?: NetworkTable; readonly opa?: OpaTable };
  const {
    labels = {},
    default: byDefault = "allow",
    default_deny_at: at = [],
  } = table as unknown as {
    readonly labels?: PolicyConfig["labels"];
    readonly default?: "allow" | "deny";
    readonly default_deny_at?: readonly PolicyPoint[];
  };
  return {
    default: byDefault,
    defaultDenyAt: at,
    rules: readRules(document, { table, path: ["policy", "rules"] }),
    network: network === undefined ? [] : readNetwork(network, "network"),
    labels,
    ...(opa !== undefined && { opa: readOpa(document, opa, base) }),
  };
}

/** Reads `[[rules]]`, each with the place of its expression. @throws CONFIG_VALUE_INVALID */
export function readRules(
  document: SourceDocument,
  from: { readonly table: JsonObject; readonly path: SourcePath; readonly tenant?: TenantId },
): readonly PolicyRule[] {
  const rules = (from.table["rules"] ?? []) as unknown as readonly RuleTable[];
  const seen = new Set<string>();
  return rules.map(({ id, at, when, effect = "deny", message }, index) => {
    if (seen.has(id))
      throw new GreenticError("CONFIG_VALUE_INVALID", `Read policy: rule ${quote(id)} stands twice`, {
        at: document.positionOf([...from.path, index, "id"]),
      });
    seen.add(id);
    return {
      id,
      at,
      when,
      effect,
      ...(message !== undefined && { message }),
      ...(from.tenant !== undefined && { tenant: from.tenant }),
      place: document.positionOf([...from.path, index, "when"]),
    };
  });
}

/** Reads allow-lists; `id` names where they stand. */
export function readNetwork(table: NetworkTable, id: string, tenant?: TenantId): readonly NetworkList[] {
  const { tenants = {}, packs = {}, components = {}, ...own } = table;
  const whose = tenant === undefined ? {} : { tenant };
  const named = (kind: "tenant" | "pack" | "component", lists: Readonly<Record<string, ListTable>>): NetworkList[] =>
    Object.entries(lists).map(([name, list]) => ({
      ...list,
      ...whose,
      id: `${id}.${kind}s.${name}`,
      subject: { kind, name },
    }));
  return [
    ...(Object.keys(own).length === 0 ? [] : [{ ...own, ...whose, id, subject: { kind: "all" } as const }]),
    ...named("tenant", tenants),
    ...named("pack", packs),
    ...named("component", components),
  ];
}

function readOpa(document: SourceDocument, table: OpaTable, base: string): OpaConfig {
  if ((table.url === undefined) === (table.wasm === undefined))
    throw new GreenticError("CONFIG_VALUE_INVALID", "Read policy.opa: expected one of url and wasm", {
      at: document.positionOf(["policy", "opa"]),
    });
  const { url, wasm = "", entrypoint, token_file: token, sdk_dir: sdkDir } = table;
  return {
    source:
      url !== undefined
        ? { kind: "rest", url, ...(token !== undefined && { tokenFile: resolve(base, token) }) }
        : {
            kind: "wasm",
            file: resolve(base, wasm),
            ...(entrypoint !== undefined && { entrypoint }),
            ...(sdkDir !== undefined && { sdkDir: resolve(base, sdkDir) }),
          },
    at: table.at ?? OPA_POINTS,
    timeoutMs: table.timeout_ms ?? 500,
    cacheSeconds: table.cache_seconds ?? 5,
    onError: table.on_error ?? "deny",
  };
}

/** Reads `[residency]`. */
export function readResidency(table: JsonObject): ResidencyConfig {
  const { region, tenants = {}, destinations = {} } = table as unknown as Partial<ResidencyConfig>;
  return { ...(region !== undefined && { region }), tenants, destinations };
}
