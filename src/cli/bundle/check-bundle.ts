import type { Bundle, BundleApp, BundleProvider } from "../../config/index.ts";
import { checkSettings, providerOf } from "../../messaging/index.ts";
import { inspectFlow } from "../../flow/index.ts";
import type { FlowFinding } from "../../flow/index.ts";
import type { Pack, PackFinding } from "../../pack/index.ts";
import { didYouMean, quote } from "../../types/index.ts";
import type { ErrorCode, SourcePosition, TenantId } from "../../types/index.ts";
import { verifyProblem } from "../pack-channels.ts";
import type { BundlePack } from "./bundle-packs.ts";
import { checkAccess } from "./check-access.ts";
import { needsOf, setCommand } from "./secret-needs.ts";

export interface CheckBundleOptions {
  readonly packs: readonly BundlePack[];
  /** Tells whether a tenant's secret of a category is kept somewhere. */
  readonly hasSecret: (place: {
    readonly tenant: TenantId;
    readonly category: string;
    readonly name: string;
  }) => Promise<boolean>;
}

/** The names that set-up flows of public provider packs have. */
const SETUP_FLOWS = ["setup_default", "setup"];
const SHOWN_OF_A_CODE = 3;

/** Judges a bundle: its packs, the flows that it names, channels, secrets and access maps; findings in that order. */
export async function checkBundle(bundle: Bundle, options: CheckBundleOptions): Promise<readonly FlowFinding[]> {
  const { packs } = options;
  const contentOf = ({ pack }: { readonly pack?: string }): Pack | undefined =>
    packs.find(({ location }) => location === pack)?.content.pack;
  const findings: FlowFinding[] = [];
  const start = { file: bundle.file, line: 1, column: 1 };
  if (bundle.apps.length === 0)
    findings.push(finding("CLI_BUNDLE_EMPTY", "warning", "Check bundle: it has no app", start));
  findings.push(...checkPacks(packs), ...checkDuplicates(bundle.apps));
  for (const app of bundle.apps) {
    const pack = contentOf(app);
    if (pack === undefined) continue;
    findings.push(...checkDefaultFlow(app, pack), ...(await missingSecrets(app, pack, options)));
  }
  for (const provider of bundle.providers) {
    const pack = contentOf(provider);
    findings.push(...checkProvider(provider, pack), ...(await missingSecrets(provider, pack, options)));
  }
  return [...findings, ...checkAccess(bundle, packs)];
}

/** What verifying says of the packs, each once, at the place that names it first. */
function checkPacks(packs: readonly BundlePack[]): readonly FlowFinding[] {
  const seen = new Set<string>();
  return packs.flatMap(({ name, location, at, content }) => {
    if (seen.has(location)) return [];
    seen.add(location);
    const of = `Check pack ${quote(name)}: `;
    const { report, error } = content;
    const said = summed(report?.findings ?? []).map((one) =>
      // A pack says its codes as texts; all of them are public codes.
      finding(one.code as ErrorCode, one.severity, `${of}${one.message}`, at),
    );
    const isTold = error === undefined || said.some(({ severity }) => severity === "error");
    if (isTold && report?.signature.status === "none" && !said.some(({ code }) => code === "PACK_UNSIGNED"))
      said.push(finding("PACK_UNSIGNED", "warning", `${of}it is unsigned`, at));
    return isTold ? said : [...said, finding(error.code, "error", `${of}${error.message}`, at)];
  });
}

/** A pack that was edited after it was built has a finding a file: the first of each code stand for the rest. */
function summed(findings: readonly PackFinding[]): readonly PackFinding[] {
  const counts = new Map<string, number>();
  const kept: PackFinding[] = [];
  for (const one of findings) {
    const key = `${one.severity} ${one.code}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count <= SHOWN_OF_A_CODE) kept.push(one);
  }
  for (const [key, count] of counts) {
    const [severity, code = ""] = key.split(" ");
    if (count > SHOWN_OF_A_CODE)
      kept.push({
        code,
        severity: severity as PackFinding["severity"],
        message: `${count - SHOWN_OF_A_CODE} more of ${code}: gtc pack verify tells them`,
      });
  }
  return kept;
}

/** Two apps of one place whose packs have one name: the later takes the place of the earlier. */
function checkDuplicates(apps: readonly BundleApp[]): readonly FlowFinding[] {
  const seen = new Set<string>();
  return apps.flatMap(({ name, tenant, team, pack, at }) => {
    const place = `${tenant}/${team ?? ""}/${pack}`;
    if (!seen.has(place)) {
      seen.add(place);
      return [];
    }
    return [
      finding("CLI_BUNDLE_APP_DUPLICATE", "warning", `Check app ${quote(name)}: ${tenant} has this pack already`, at),
    ];
  });
}

function checkDefaultFlow(
  { name, defaultFlow, at, defaultFlowAt = at }: BundleApp,
  pack: Pack,
): readonly FlowFinding[] {
  const flows = [...pack.flows].map(([key, { path, type }]) => {
    const { flow } = inspectFlow(pack.readText(path) ?? "", { file: path });
    return { id: flow?.id ?? key, key, type, tags: flow?.tags ?? [], isEmpty: (flow?.nodes.size ?? 0) === 0 };
  });
  if (defaultFlow !== undefined) {
    const found = flows.find(({ id, key }) => id === defaultFlow || key === defaultFlow);
    if (found !== undefined && !found.isEmpty) return [];
    const hint = didYouMean(
      defaultFlow,
      flows.map(({ id }) => id),
    );
    const state =
      found === undefined ? `no flow ${quote(defaultFlow)}${hint}` : `no nodes in flow ${quote(defaultFlow)}`;
    return [
      finding(
        "RUNNER_FLOW_UNRESOLVED",
        "error",
        `Check app ${quote(name)}: pack ${quote(pack.name)} has ${state}`,
        defaultFlowAt,
      ),
    ];
  }
  const messaging = flows.filter(({ type, isEmpty }) => type === "messaging" && !isEmpty);
  const tagged = messaging.filter(({ tags }) => tags.includes("default"));
  if (flows.some(({ id, isEmpty }) => id === "default" && !isEmpty)) return [];
  if (messaging.length === 1 || tagged.length === 1 || messaging.length === 0) return [];
  return [
    finding(
      "RUNNER_FLOW_UNRESOLVED",
      "warning",
      `Check app ${quote(name)}: ${messaging.length} messaging flows and none is the default: commands and cards alone reach them`,
      at,
    ),
  ];
}

function checkProvider(provider: BundleProvider, pack: Pack | undefined): readonly FlowFinding[] {
  const { name, type, at } = provider;
  const findings: FlowFinding[] = [];
  const isByPack = provider.prefers === "pack" && (pack?.components.size ?? 0) > 0;
  const misruled = verifyProblem(provider);
  if (misruled !== undefined)
    findings.push(finding("CONFIG_VALUE_INVALID", "error", `Check channel ${quote(name)}: ${misruled}`, at));
  if (type === undefined && !isByPack)
    findings.push(
      finding(
        "CLI_BUNDLE_PROVIDER_UNSERVED",
        "warning",
        `Check channel ${quote(name)}: it has no pack with components, and no built-in channel serves it; its messages go nowhere`,
        at,
      ),
    );
  if (type !== undefined && !isByPack)
    for (const problem of checkSettings(providerOf(type), provider.config))
      findings.push(finding("CONFIG_VALUE_INVALID", "error", `Check channel ${quote(name)}: ${problem}`, at));
  if (pack === undefined) return findings;
  const { setupFlow, verifyFlow } = provider;
  for (const flow of [setupFlow, verifyFlow]) {
    if (flow === undefined || pack.flows.has(flow)) continue;
    const hint = didYouMean(flow, pack.flows.keys());
    findings.push(
      finding(
        "RUNNER_FLOW_MISSING",
        "error",
        `Check channel ${quote(name)}: its pack has no flow ${quote(flow)}${hint}`,
        at,
      ),
    );
  }
  if (setupFlow === undefined && !SETUP_FLOWS.some((flow) => pack.flows.has(flow)))
    findings.push(
      finding("CLI_BUNDLE_SETUP_MISSING", "info", `Check channel ${quote(name)}: its pack has no set-up flow`, at),
    );
  return findings;
}

async function missingSecrets(
  use: BundleApp | BundleProvider,
  pack: Pack | undefined,
  { hasSecret }: CheckBundleOptions,
): Promise<readonly FlowFinding[]> {
  const findings: FlowFinding[] = [];
  for (const need of needsOf(use, pack)) {
    if (await hasSecret(need)) continue;
    const message = `Check secrets of ${quote(use.name)}: ${need.tenant} has no ${need.name}: ${setCommand(need)}`;
    findings.push(finding("CLI_BUNDLE_SECRET_MISSING", "warning", message, need.at));
  }
  return findings;
}

function finding(code: ErrorCode, severity: FlowFinding["severity"], message: string, at: SourcePosition): FlowFinding {
  return { code, severity, message, at };
}
