import { decideAccess, rankOf } from "../../config/index.ts";
import type { AccessMap, AccessRule, AccessScope, Bundle } from "../../config/index.ts";
import { inspectFlow } from "../../flow/index.ts";
import type { FlowFinding } from "../../flow/index.ts";
import type { Pack } from "../../pack/index.ts";
import { didYouMean, quote } from "../../types/index.ts";
import type { TeamId } from "../../types/index.ts";
import type { BundlePack } from "./bundle-packs.ts";

/** Finds rules that match nothing or never count, and apps that nobody reaches. */
export function checkAccess(bundle: Bundle, packs: readonly BundlePack[]): readonly FlowFinding[] {
  const scopes = bundle.access ?? [];
  const apps = packs.filter((pack) => pack.use === "app");
  return [
    ...scopes.flatMap((scope) => [...checkRules(scope, apps), ...checkShadows(scope.map)]),
    ...(scopes.length === 0 ? [] : apps.flatMap((app) => checkReached(app, { bundle, scopes }))),
  ];
}

function checkRules({ tenant, team, map }: AccessScope, apps: readonly BundlePack[]): readonly FlowFinding[] {
  const own = apps.filter(
    (app) => app.tenant === tenant && (app.team === undefined || team === undefined || app.team === team),
  );
  const who = team === undefined ? tenant : `${tenant}/${team}`;
  if (own.length === 0)
    return [
      warning(`Check access map: ${quote(who)} has no app in this bundle`, { file: map.file, line: 1, column: 1 }),
    ];
  return map.rules.flatMap((rule) => {
    const problem = unmatched(rule, own);
    return problem === undefined ? [] : [warning(`Check access rule ${quote(rule.path)}: ${problem}`, rule.at)];
  });
}

/** Says what of a rule's path isn't there; undefined where all is, or where that can't be known. */
function unmatched({ pack, flow, node }: AccessRule, apps: readonly BundlePack[]): string | undefined {
  if (pack === undefined) return undefined;
  const named = apps.filter((app) => namesOf(app).includes(pack));
  if (named.length === 0) return `no app here is ${quote(pack)}${didYouMean(pack, apps.flatMap(namesOf))}`;
  const known = named.map(({ content }) => content.pack).filter((one) => one !== undefined);
  if (flow === undefined || flow === "_" || known.length < named.length) return undefined;
  const flows = known.flatMap(flowsOf);
  const found = flows.filter(({ id }) => id === flow);
  if (found.length === 0)
    return `pack ${quote(pack)} has no flow ${quote(flow)}${didYouMean(
      flow,
      flows.map(({ id }) => id),
    )}`;
  if (node === undefined) return undefined;
  const nodes = found.flatMap((one) => one.nodes);
  return nodes.includes(node) ? undefined : `flow ${quote(flow)} has no node ${quote(node)}${didYouMean(node, nodes)}`;
}

/** Rules that another one of the same map always goes before. */
function checkShadows({ rules }: AccessMap): readonly FlowFinding[] {
  return rules.flatMap((rule, i) => {
    const by = rules.find(
      (other, k) =>
        k !== i &&
        other.pack === rule.pack &&
        (other.path === rule.path
          ? k > i
          : rule.flow === "_" && other.flow === undefined && rankOf(other) > rankOf(rule)),
    );
    if (by === undefined) return [];
    return [
      warning(
        `Check access rule ${quote(rule.path)}: it never counts, the rule in line ${by.at.line} goes before it`,
        rule.at,
        "CLI_BUNDLE_ACCESS_SHADOWED",
      ),
    ];
  });
}

function checkReached(
  app: BundlePack,
  { bundle, scopes }: { readonly bundle: Bundle; readonly scopes: readonly AccessScope[] },
): readonly FlowFinding[] {
  const { pack } = app.content;
  const own = scopes.filter(({ tenant }) => tenant === app.tenant);
  if (pack === undefined || own.length === 0) return [];
  const teams: readonly TeamId[] =
    app.team === undefined
      ? [bundle.team, ...own.map(({ team }) => team).filter((team) => team !== undefined)]
      : [app.team];
  const isReached = teams.some((team) =>
    flowsOf(pack).some(({ id, nodes }) =>
      nodes.some(
        (node) =>
          decideAccess(scopes, { tenant: app.tenant, team, packs: namesOf(app), flow: id, node }).policy === "public",
      ),
    ),
  );
  if (isReached || pack.flows.size === 0) return [];
  const rule = decideAccess(scopes, { tenant: app.tenant, team: teams[0] ?? bundle.team, packs: namesOf(app) }).rule;
  return [
    warning(
      `Check access: nobody of ${app.tenant} reaches app ${quote(app.name)}`,
      rule?.at ?? { file: own[0]?.map.file ?? bundle.file, line: 1, column: 1 },
      "CLI_BUNDLE_ACCESS_CLOSED",
    ),
  ];
}

/** The names by which rules know an app's pack. */
function namesOf({ name, content }: BundlePack): readonly string[] {
  return [...new Set([name, ...(content.pack === undefined ? [] : [content.pack.name])])];
}

interface FlowNames {
  readonly id: string;
  readonly nodes: readonly string[];
}

const known = new WeakMap<Pack, readonly FlowNames[]>();

/** Tells a pack's flows and their nodes, as far as they can be read. */
function flowsOf(pack: Pack): readonly FlowNames[] {
  let flows = known.get(pack);
  if (flows === undefined) {
    flows = [...pack.flows].map(([name, { path }]) => {
      const { flow } = inspectFlow(pack.readText(path) ?? "", { file: path });
      const nodes = [...(flow?.nodes.keys() ?? [])];
      // A flow without nodes is reached too, though nothing happens in it.
      return { id: flow?.id ?? name, nodes: nodes.length === 0 ? [""] : nodes };
    });
    known.set(pack, flows);
  }
  return flows;
}

function warning(
  message: string,
  at: FlowFinding["at"],
  code: FlowFinding["code"] = "CLI_BUNDLE_ACCESS_UNMATCHED",
): FlowFinding {
  return { code, severity: "warning", message, at };
}
