/**
 * Access maps (.gmap): who may reach what, a rule a line, `path = public|forbidden`, `#` begins a comment. Paths: `_` (all),
 * `pack`, `pack/_` (its flows), `pack/flow`, `pack/flow/node`. The most exact rule counts: node before flow, flow before pack,
 * pack before `pack/_`, that before `_`; of two that are as exact the later. A team's map goes before its tenant's.
 */
import { GreenticError, quote } from "../types/index.ts";
import type { SourcePosition, TeamId, TenantId } from "../types/index.ts";

export type AccessPolicy = "public" | "forbidden";

/** One line of a map; `flow` is `_` for all flows of the pack. */
export interface AccessRule {
  readonly path: string;
  readonly pack?: string;
  readonly flow?: string;
  readonly node?: string;
  readonly policy: AccessPolicy;
  readonly at: SourcePosition;
}

/** A map as it was read, its rules in the order of their lines. */
export interface AccessMap {
  readonly file: string;
  readonly rules: readonly AccessRule[];
}

/** The maps of a tenant, or of one of its teams. */
export interface AccessScope {
  readonly tenant: TenantId;
  readonly team?: TeamId;
  readonly map: AccessMap;
  /** What counts where no rule of team and tenant does; of the tenant's scope. */
  readonly otherwise: AccessPolicy;
}

/** What somebody wants to reach. A pack may have several names: its own, and that of its app. */
export interface AccessTarget {
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly packs: readonly string[];
  readonly flow?: string;
  readonly node?: string;
}

/** What the maps say of a target; `rule` where one does. */
export interface AccessDecision {
  readonly policy: AccessPolicy;
  readonly rule?: AccessRule;
}

const MAX_CHARS = 1 << 20;
const NAME = /^[A-Za-z0-9_][\w.:@-]{0,199}$/;
const ALL = "_";

/** Reads a map. @throws CONFIG_SYNTAX_INVALID, CONFIG_VALUE_INVALID with positions */
export function parseAccessMap(text: string, file: string): AccessMap {
  if (text.length > MAX_CHARS)
    throw new GreenticError("CONFIG_SYNTAX_INVALID", `Read access map: expected at most ${MAX_CHARS} characters`, {
      at: { file, line: 1, column: 1 },
    });
  const rules: AccessRule[] = [];
  for (const [i, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const rule = parseLine(line, { file, line: i + 1 });
    if (rule !== undefined) rules.push(rule);
  }
  return { file, rules };
}

function parseLine(whole: string, place: { readonly file: string; readonly line: number }): AccessRule | undefined {
  const comment = whole.indexOf("#");
  const text = comment < 0 ? whole : whole.slice(0, comment);
  if (text.trim() === "") return undefined;
  const at = (offset: number): SourcePosition => ({ ...place, column: offset + 1 });
  const start = text.length - text.trimStart().length;
  const equals = text.indexOf("=");
  if (equals < 0)
    throw new GreenticError(
      "CONFIG_SYNTAX_INVALID",
      "Read access map: expected `path = public` or `path = forbidden`",
      {
        at: at(start),
      },
    );
  const path = text.slice(0, equals).trim();
  const policy = text.slice(equals + 1).trim();
  if (policy !== "public" && policy !== "forbidden") {
    const offset = equals + 1 + (text.slice(equals + 1).length - text.slice(equals + 1).trimStart().length);
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read access map: expected public or forbidden, got ${quote(policy)}`,
      { at: at(offset) },
    );
  }
  const [pack = "", flow, node, ...rest] = path.split("/");
  const names = [pack, flow, node].filter((name) => name !== undefined);
  const isGlobal = path === ALL;
  const isWhole = rest.length === 0 && names.every((name) => NAME.test(name)) && node !== ALL;
  if (!isWhole || (!isGlobal && pack === ALL) || (flow === ALL && node !== undefined))
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      `Read access map: expected _, pack, pack/_, pack/flow or pack/flow/node, got ${quote(path)}`,
      { at: at(start) },
    );
  return {
    path,
    policy,
    at: at(start),
    ...(!isGlobal && { pack }),
    ...(flow !== undefined && { flow }),
    ...(node !== undefined && { node }),
  };
}

/** Finds the rule of one map that counts for a target; undefined where none does. */
export function ruleFor(
  { rules }: AccessMap,
  target: Pick<AccessTarget, "packs" | "flow" | "node">,
): AccessRule | undefined {
  let best: AccessRule | undefined;
  for (const rule of rules) {
    if (matches(rule, target) && (best === undefined || rankOf(rule) >= rankOf(best))) best = rule;
  }
  return best;
}

/** Decides by the maps of a deployment. Tenants without any are free to reach what is loaded for them. */
export function decideAccess(scopes: readonly AccessScope[], target: AccessTarget): AccessDecision {
  const own = scopes.filter(({ tenant }) => tenant === target.tenant);
  const team = own.find((scope) => scope.team === target.team);
  const tenant = own.find((scope) => scope.team === undefined);
  if (team === undefined && tenant === undefined) return { policy: "public" };
  const rule = (team && ruleFor(team.map, target)) ?? (tenant && ruleFor(tenant.map, target));
  return rule === undefined ? { policy: (tenant ?? team)?.otherwise ?? "forbidden" } : { policy: rule.policy, rule };
}

function matches(rule: AccessRule, { packs, flow, node }: Pick<AccessTarget, "packs" | "flow" | "node">): boolean {
  if (rule.pack === undefined) return true;
  if (!packs.includes(rule.pack)) return false;
  if (rule.flow === undefined || rule.flow === ALL) return true;
  return rule.flow === flow && (rule.node === undefined || rule.node === node);
}

/** How exact a rule is; `pack/_` is less exact than `pack`, as the public tools have it. */
export function rankOf({ pack, flow, node }: AccessRule): number {
  if (pack === undefined) return 0;
  if (node !== undefined) return 5;
  if (flow === undefined) return 3;
  return flow === ALL ? 2 : 4;
}
