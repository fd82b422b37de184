import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { checkImports, findLinks, InProcessComponentHost } from "../component/index.ts";
import type { ComponentGrants, ComponentInfo, ComponentLink } from "../component/index.ts";
import { checkAssets, checkUnusedTexts } from "../flow/index.ts";
import type { AssetCheck, ComponentFacts, FlowFinding } from "../flow/index.ts";
import { parseToolMap, TOOL_MAP_FILES } from "../mcp/index.ts";
import { buildPack, findPackSource, openPack, packSourcePlaces, TRUST_NOBODY } from "../pack/index.ts";
import type { Pack } from "../pack/index.ts";
import type { ErrorCode } from "../types/index.ts";
import { didYouMean, isGreenticError, quote } from "../types/index.ts";
import { checkPackFlows } from "./check-flows.ts";
import type { FlowCheck } from "./check-flows.ts";
import { probeComponent } from "./full-checks.ts";

/** What doctor says of a pack: its flows, and its other files that it has something to say about. */
export interface PackCheck {
  readonly flows: readonly FlowCheck[];
  readonly files: readonly AssetCheck[];
}

/** Opens a pack whoever signed it, to look at. @throws what opening a pack throws */
export function openAnyPack(bytes: Uint8Array, nowMs: number): Promise<Pack> {
  return openPack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs });
}

/**
 * Checks the pack that a source directory makes, with places in the source; undefined where the directory is no pack's. What keeps
 * the pack from being built is a finding of the file that is wrong.
 */
export async function checkPackSource(cwd: string, directory: string): Promise<PackCheck | undefined> {
  const file = await findPackSource(directory).catch(() => undefined);
  if (file === undefined) return undefined;
  const here = relative(cwd, dirname(file));
  const shown = (name: string): string => join(here, name);
  try {
    const { bytes } = await buildPack(file, { probeComponent });
    const name = basename(file);
    const places = packSourcePlaces(await readFile(file, "utf8"), { file: name });
    const check = await checkPack(await openAnyPack(bytes, Date.now()), places);
    return {
      flows: check.flows.map((flow) => moved(flow, shown)),
      files: check.files.map((item) => moved(item, shown)),
    };
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    const { code, message, at } = error;
    const name = relative(cwd, file);
    const place =
      at === undefined
        ? { file: name, line: 1, column: 1 }
        : { ...at, file: relative(cwd, join(dirname(file), relative(dirname(file), at.file))) };
    return { flows: [], files: [{ file: place.file, findings: [{ code, severity: "error", message, at: place }] }] };
  }
}

function moved<T extends AssetCheck>(check: T, shown: (name: string) => string): T {
  const findings = check.findings.map((finding) => ({
    ...finding,
    at: { ...finding.at, file: shown(finding.at.file) },
  }));
  return { ...check, file: shown(check.file), findings };
}

/** Finds where something of a pack's source stands. */
type SourcePlaces = ReturnType<typeof packSourcePlaces>;

/**
 * Checks everything that a pack holds: flows against what its components say of themselves, templates, cards, texts, grants,
 * secrets. What it says of grants stands at the component, or at the grant where the source is at hand.
 */
export async function checkPack(pack: Pack, places?: SourcePlaces): Promise<PackCheck> {
  const components = await examineComponents(pack);
  const facts = new Map([...components].flatMap(([name, { facts }]) => (facts === undefined ? [] : [[name, facts]])));
  const texts = readTexts(pack);
  const isLocale = (path: string): boolean => /(?:^|\/)i18n\/[^/]+\.json$/.test(path);
  const locales = new Map([...texts].filter(([path]) => isLocale(path)));
  const assets = new Map([...texts].filter(([path]) => !isLocale(path)));
  const sources = [...pack.flows.values()].map(({ path }) => pack.readText(path) ?? "");
  const asked = [...components.values()].flatMap(({ i18nKeys }) => i18nKeys);
  const reads = [...pack.components.values()].some(({ grants }) => grants.assets);
  return {
    flows: await checkPackFlows(pack, facts),
    files: [
      ...checkAssets(assets, pack.i18n),
      // A component that reads the assets may use any text.
      ...(reads ? [] : checkUnusedTexts(locales, { users: [...sources, ...assets.values()], keys: new Set(asked) })),
      ...checkComponents(pack, { components, places }),
      ...checkToolMap(pack),
    ],
  };
}

const MAX_TEXT_BYTES = 1 << 20;

function readTexts(pack: Pack): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { path, sizeBytes } of pack.assets.values()) {
    if (sizeBytes > MAX_TEXT_BYTES || !/\.(?:hbs|json|txt|md|yaml|yml|toml)$/.test(path)) continue;
    try {
      texts.set(path, pack.readText(path) ?? "");
    } catch (error) {
      if (!isGreenticError(error, "PACK_ASSET_INVALID")) throw error;
    }
  }
  return texts;
}

interface ExaminedComponent {
  readonly path: string;
  readonly info: ComponentInfo;
  readonly grants: ComponentGrants;
  readonly facts: ComponentFacts | undefined;
  readonly i18nKeys: readonly string[];
}

/** Asks every component of a pack what it is; one that can't be asked is judged by its bytes alone. */
async function examineComponents(pack: Pack): Promise<ReadonlyMap<string, ExaminedComponent>> {
  await using host = new InProcessComponentHost();
  const found = new Map<
    string,
    { readonly path: string; readonly info: ComponentInfo; readonly grants: ComponentGrants }
  >();
  for (const [name, { path, grants }] of pack.components) {
    const info = await host.examine(pack.read(path) ?? new Uint8Array()).catch(onlyOurs);
    if (info !== undefined) found.set(name, { path, info, grants });
  }
  const examined = new Map<string, ExaminedComponent>();
  for (const [name, component] of found) {
    const said = await host.describe(component.info.sha256, linksOf(name, found)).catch(onlyOurs);
    examined.set(name, { ...component, facts: said, i18nKeys: said?.i18nKeys ?? [] });
  }
  return examined;
}

function onlyOurs(error: unknown): undefined {
  if (!isGreenticError(error)) throw error;
}

function linksOf(name: string, found: Parameters<typeof findLinks>[1]): readonly ComponentLink[] {
  try {
    return findLinks(name, found);
  } catch (error) {
    return onlyOurs(error) ?? [];
  }
}

/** What components use and don't declare, and declare and don't use. */
function checkComponents(
  pack: Pack,
  {
    components,
    places,
  }: { readonly components: ReadonlyMap<string, ExaminedComponent>; readonly places: SourcePlaces | undefined },
): readonly AssetCheck[] {
  const { required, optional } = pack.manifest.secrets;
  const declared = new Set([...required, ...optional]);
  const byFile = new Map<string, FlowFinding[]>();
  for (const [name, { path, info, grants }] of components) {
    const say = (
      code: ErrorCode,
      severity: FlowFinding["severity"],
      { message, grant = [] }: { readonly message: string; readonly grant?: readonly (string | number)[] },
    ): void => {
      const at = places?.(["components", name, "grants", ...grant]) ?? { file: path, line: 1, column: 1 };
      byFile.set(at.file, [...(byFile.get(at.file) ?? []), { code, severity, message, at }]);
    };
    const linked = new Set(linksOf(name, components).map((link) => link.interface));
    for (const wanted of info.imports) {
      try {
        checkImports([wanted], grants, linked);
      } catch (error) {
        if (!isGreenticError(error)) throw error;
        say(error.code, "error", { message: error.message });
      }
    }
    for (const [secret, grant] of secretPlaces(grants)) {
      if (secret.includes("*") || declared.has(secret)) continue;
      const hint = didYouMean(secret, declared);
      const message = `Check ${quote(name)}: it reads secret ${quote(secret)}, which the pack doesn't list${hint}`;
      say("FLOW_SECRET_UNDECLARED", "warning", { message, grant });
    }
    for (const [grant, without] of unusable(grants)) {
      if (
        info.imports.some(
          (wanted) =>
            !wanted.startsWith("wasi:") && isRefused(wanted, without, linked) && !isRefused(wanted, grants, linked),
        )
      )
        continue;
      const message = `Check ${quote(name)}: grant ${quote(grant)} is asked for and no import uses it`;
      say("FLOW_GRANT_UNUSED", "info", {
        message,
        grant: [grant === "secrets" && grants.secrets.length === 0 ? "secrets_write" : grant],
      });
    }
  }
  return [...byFile].map(([file, findings]) => ({ file, findings }));
}

/** Each secret that is asked for, with where the source asks for it first. */
function secretPlaces({ secrets, secretsWrite }: ComponentGrants): ReadonlyMap<string, readonly (string | number)[]> {
  const places = new Map<string, readonly (string | number)[]>();
  for (const [i, name] of secretsWrite.entries()) places.set(name, ["secrets_write", i]);
  for (const [i, name] of secrets.entries()) places.set(name, ["secrets", i]);
  return places;
}

/** The grants that only an import of the host's own can use, each with the grants without it. */
function unusable(grants: ComponentGrants): readonly (readonly [string, ComponentGrants])[] {
  const { secrets, secretsWrite, state, tools, oauth } = grants;
  return [
    ...(secrets.length + secretsWrite.length > 0
      ? [["secrets", { ...grants, secrets: [], secretsWrite: [] }] as const]
      : []),
    ...(state === "none" ? [] : [["state", { ...grants, state: "none" }] as const]),
    ...(tools.length > 0 ? [["tools", { ...grants, tools: [] }] as const] : []),
    ...(oauth.length > 0 ? [["oauth", { ...grants, oauth: [] }] as const] : []),
  ];
}

function isRefused(name: string, grants: ComponentGrants, linked: ReadonlySet<string>): boolean {
  try {
    checkImports([name], grants, linked);
    return false;
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return true;
  }
}

/** Tools without a target in the pack, and secrets that calls need and the pack doesn't list. */
function checkToolMap(pack: Pack): readonly AssetCheck[] {
  const file = TOOL_MAP_FILES.find((path) => pack.assets.has(path));
  const text = file === undefined ? undefined : pack.readText(file);
  if (file === undefined || text === undefined) return [];
  const findings: FlowFinding[] = [];
  const say = (code: ErrorCode, severity: FlowFinding["severity"], message: string): void => {
    findings.push({ code, severity, message, at: { file, line: 1, column: 1 } });
  };
  try {
    const map = parseToolMap(text, file);
    const paths = new Set(
      [...pack.components.values()].flatMap(({ path }) => [path, path.replace(/^components\//, "")]),
    );
    const declared = new Set([...pack.manifest.secrets.required, ...pack.manifest.secrets.optional]);
    for (const { name, target } of map.tools.values()) {
      if (target.kind === "component" && !pack.components.has(target.component) && !paths.has(target.component)) {
        const hint = didYouMean(target.component, pack.components.keys());
        say(
          "FLOW_COMPONENT_MISSING",
          "error",
          `Check tool ${quote(name)}: the pack has no component ${quote(target.component)}${hint}`,
        );
      }
      if (target.kind === "server" && !map.servers.has(target.server))
        say(
          "FLOW_PROVIDER_MISSING",
          "info",
          `Check tool ${quote(name)}: the operator must declare the MCP server ${quote(target.server)}`,
        );
      const auth = target.kind === "http" ? target.endpoint.auth : undefined;
      if (auth !== undefined && auth.kind !== "grant" && !declared.has(auth.secret))
        say(
          "FLOW_SECRET_UNDECLARED",
          "warning",
          `Check tool ${quote(name)}: it needs secret ${quote(auth.secret)}, which the pack doesn't list${didYouMean(auth.secret, declared)}`,
        );
    }
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    findings.push({
      code: error.code,
      severity: "error",
      message: error.message,
      at: error.at ?? { file, line: 1, column: 1 },
    });
  }
  return findings.length === 0 ? [] : [{ file, findings }];
}
