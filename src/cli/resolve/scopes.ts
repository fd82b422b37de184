import type { RegistryScope } from "../../config/index.ts";
import { isNameCovered } from "../../pack/index.ts";
import { GreenticError, quote } from "../../types/index.ts";

/** Registries that the command line names: for the names of a pattern, or for those that nothing else scopes. */
export interface NamedRegistry {
  readonly pattern: string | undefined;
  /** `oci://host/prefix`. */
  readonly prefix: string;
}

/** Where a name is looked for, and whose it must be. */
export interface NameScope {
  readonly prefixes: readonly string[];
  readonly publisher?: string;
}

/** Reads `oci://host/prefix` or `PATTERN=oci://host/prefix`. @throws CLI_USAGE_INVALID */
export function parseNamedRegistry(text: string): NamedRegistry {
  const [, pattern, prefix] = /^(?:([a-z0-9*-]{1,64})=)?(oci:\/\/[^\s=]+)$/.exec(text) ?? [];
  if (prefix !== undefined) return { pattern, prefix };
  throw new GreenticError(
    "CLI_USAGE_INVALID",
    `Read --registry: expected oci://host/prefix or PATTERN=oci://host/prefix, got ${quote(text)}`,
  );
}

/**
 * Tells where a name is looked for. Of the patterns that cover it the one that says most counts alone, so that a registry for
 * everything else is never asked for a name that has its own: it could answer with a higher version.
 * @throws PACK_SCOPE_AMBIGUOUS
 */
export function scopeOf(
  name: string,
  { scopes, named }: { readonly scopes: readonly RegistryScope[]; readonly named: readonly NamedRegistry[] },
): NameScope {
  const asked = mostSpecific(
    name,
    named.flatMap(({ pattern, prefix }) =>
      pattern === undefined ? [] : [{ owner: `--registry ${pattern}`, pattern, prefixes: [prefix] }],
    ),
  );
  const configured = mostSpecific(
    name,
    scopes.flatMap(({ publisher, names, registries }) =>
      names.map((pattern) => ({ owner: `[registry.scopes.${publisher}]`, pattern, prefixes: registries, publisher })),
    ),
  );
  const publisher = configured?.publisher === undefined ? {} : { publisher: configured.publisher };
  const found = asked ?? configured;
  if (found !== undefined) return { prefixes: found.prefixes, ...publisher };
  const rest = [...new Set(named.filter(({ pattern }) => pattern === undefined).map(({ prefix }) => prefix))];
  if (rest.length > 1)
    throw new GreenticError(
      "PACK_SCOPE_AMBIGUOUS",
      `Resolve ${quote(name)}: it is scoped to no registry, and ${rest.map((prefix) => quote(prefix)).join(" and ")} are named`,
    );
  return { prefixes: rest };
}

interface Scope {
  readonly owner: string;
  readonly pattern: string;
  readonly prefixes: readonly string[];
  readonly publisher?: string;
}

function mostSpecific(name: string, scopes: readonly Scope[]): Scope | undefined {
  const weightOf = ({ pattern }: Scope): number => pattern.replaceAll("*", "").length + (pattern.includes("*") ? 0 : 1);
  const covering = scopes
    .filter(({ pattern }) => isNameCovered(name, [pattern]))
    .toSorted((a, b) => weightOf(b) - weightOf(a));
  const [first, second] = covering;
  if (first === undefined) return undefined;
  if (second !== undefined && second.owner !== first.owner && weightOf(second) === weightOf(first))
    throw new GreenticError(
      "PACK_SCOPE_AMBIGUOUS",
      `Resolve ${quote(name)}: ${first.owner} and ${second.owner} both claim it, by ${quote(first.pattern)} and ${quote(second.pattern)}`,
    );
  // The same pattern may be given more than once on the command line.
  const same = covering.filter(({ owner, pattern }) => owner === first.owner && pattern === first.pattern);
  return { ...first, prefixes: [...new Set(same.flatMap(({ prefixes }) => prefixes))] };
}
