import { createHash } from "node:crypto";
import { join } from "node:path";
import { createBLAKE3 } from "hash-wasm";
import { openInProcessBus } from "../../src/bus/index.ts";
import type { ComponentHost } from "../../src/component/index.ts";
import { compileFlow, parseFlow } from "../../src/flow/index.ts";
import { createConsoleProvider, receiveConsole } from "../../src/messaging/index.ts";
import { openPack, TRUST_NOBODY, verifyPack } from "../../src/pack/index.ts";
import type { Pack, PackReport } from "../../src/pack/index.ts";
import { createMachineWorld, kindCatalogFor, openRuntime } from "../../src/runner/index.ts";
import { createSecretReader } from "../../src/secrets/index.ts";
import { openMemoryStore } from "../../src/session/index.ts";
import {
  channelId,
  decodeCborJson,
  DENY_ALL,
  envId,
  ERROR_CODES,
  isGreenticError,
  isJsonObject,
  parseJson,
  teamId,
  tenantId,
} from "../../src/types/index.ts";
import type { JsonValue } from "../../src/types/index.ts";
import { openArchive } from "./archives.ts";

/** What became of one pack. */
export interface PackExercise {
  readonly name: string;
  readonly report: PackReport;
  readonly flows: number;
  readonly emptyFlows: number;
  readonly compiled: number;
  /** Flows that were started, by how their first turn ended: a status, or an error's code. */
  readonly ends: ReadonlyMap<string, number>;
  /** What is our fault. */
  readonly failures: readonly string[];
}

const ANYBODY = { ...TRUST_NOBODY, rejectUnsigned: false };
/** What a person writes first, with the fields that setup flows look at. */
const HELLO: JsonValue = {
  text: "hi",
  msg: { id: "1", channel: "console", text: "hi", message: { id: "1", text: "hi" } },
  answers_json: "{}",
  dry_run: "true",
};

/** Verifies, opens and compiles a pack, and starts each of its flows once, with what it asks for and nothing to reach. */
export async function exercisePack(
  bytes: Buffer,
  { name, components }: { readonly name: string; readonly components: ComponentHost },
): Promise<PackExercise> {
  const failures: string[] = [];
  const report = await verifyPack(bytes, { trust: ANYBODY, nowMs: Date.now() });
  const base = { name, report, flows: 0, emptyFlows: 0, compiled: 0, ends: new Map<string, number>(), failures };
  const differs = await differingFrom(report, bytes);
  if (differs !== undefined) failures.push(differs);
  let pack: Pack;
  try {
    pack = await openPack(bytes, { trust: ANYBODY, nowMs: Date.now(), policy: { sbom: "warn" } });
  } catch (error) {
    failures.push(`not opened: ${reasonOf(error)}`);
    return base;
  }
  const catalog = kindCatalogFor(new Set(pack.components.keys()));
  let [compiled, emptyFlows] = [0, 0];
  for (const { path } of pack.flows.values()) {
    try {
      const { nodes } = compileFlow(parseFlow(pack.readText(path) ?? "", { file: path }), { catalog });
      compiled++;
      if (nodes.size === 0) emptyFlows++;
    } catch (error) {
      failures.push(`${path}: not compiled: ${reasonOf(error)}`);
    }
  }
  const unread = report.findings.filter(({ code, path }) => path === "manifest.cbor" && code.startsWith("FLOW_"));
  failures.push(...unread.map(({ message }) => message));
  const ends = await startAll(pack, components, failures).catch((error: unknown) => {
    failures.push(`not started: ${reasonOf(error)}`);
    return new Map<string, number>();
  });
  return { ...base, flows: pack.flows.size, emptyFlows, compiled, ends };
}

/** Starts every flow in a runtime of its own pack; internal errors and throws are our fault, everything else is an end. */
async function startAll(
  pack: Pack,
  components: ComponentHost,
  failures: string[],
): Promise<ReadonlyMap<string, number>> {
  const world = createMachineWorld();
  const [env, tenant] = [envId("test"), tenantId("compat")];
  const provider = createConsoleProvider({ env, tenant, team: teamId("default"), channel: channelId("console") });
  const ends = new Map<string, number>();
  await using runtime = await openRuntime({
    env,
    world,
    store: openMemoryStore(world),
    bus: openInProcessBus(),
    components,
    secrets: createSecretReader([]),
    policy: () => ({ ...DENY_ALL, secrets: ["*"], oauth: ["*"] }),
    providers: [provider],
    apps: [{ scope: { env, tenant }, pack }],
    onError: (error) => void failures.push(`runtime: ${reasonOf(error)}`),
  });
  runtime.start();
  for (const flow of pack.flows.keys()) {
    try {
      const message = receiveConsole(provider.address, HELLO, { session: flow, id: flow });
      const turn = await runtime.request(provider, message, { timeoutMs: 60_000, choice: { flow } });
      const end = turn.error?.code ?? turn.status;
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (isInternal(end)) failures.push(`flow ${flow}: ${end}: ${turn.error?.message ?? ""}`);
    } catch (error) {
      failures.push(`flow ${flow}: ${reasonOf(error)}`);
    }
  }
  return ends;
}

function isInternal(code: string): boolean {
  const known = Object.entries(ERROR_CODES).find(([name]) => name === code)?.[1];
  return known?.kind === "internal";
}

/** Compares the report's mismatches with a second reading that shares nothing with the first but the hash; undefined where they agree. */
async function differingFrom(report: PackReport, bytes: Buffer): Promise<string | undefined> {
  const entries = new Map((openArchive(bytes) ?? []).map((entry) => [entry.name, entry.bytes]));
  const [path, sbom] = [...entries].find(([name]) => /^sbom\.(?:cbor|json)$/.test(name)) ?? [];
  const blake3 = await createBLAKE3();
  const mismatches = new Set<string>();
  if (path !== undefined && sbom !== undefined) {
    const document = path.endsWith("json") ? parseJson(sbom) : decodeCborJson(sbom);
    const files = isJsonObject(document) && Array.isArray(document["files"]) ? document["files"] : [];
    const listed = new Map(
      files
        .filter(isJsonObject)
        .map(({ path: name, hash_blake3: hash }) => [typeof name === "string" ? name : "", hash]),
    );
    for (const [name, hash] of listed) {
      const content = entries.get(name);
      if (content === undefined || blake3.init().update(content).digest("hex") !== hash) mismatches.add(name);
    }
    for (const name of entries.keys())
      if (!listed.has(name) && name !== path && !name.startsWith("signatures/")) mismatches.add(name);
  }
  const locked = new Set<string>();
  const lock = entries.get("pack.lock.cbor");
  const lockRoot = lock === undefined ? null : decodeCborJson(lock);
  const components = isJsonObject(lockRoot) && isJsonObject(lockRoot["components"]) ? lockRoot["components"] : {};
  for (const [id, entry] of Object.entries(components)) {
    if (!isJsonObject(entry) || entry["role"] === "builtin") continue;
    const wasm = entries.get(join("components", `${id}.wasm`));
    const digest = wasm === undefined ? "" : createHash("sha256").update(wasm).digest("hex");
    if (entry["resolved_digest"] !== `sha256:${digest}`) locked.add(`components/${id}.wasm`);
  }
  const [expected, got] = [
    [...mismatches].toSorted().join(" ") + [...locked].toSorted().join(" "),
    report.sbom.mismatches.join(" ") + (report.lock?.mismatches ?? []).join(" "),
  ];
  return expected === got ? undefined : `verdict: expected mismatches "${expected}", got "${got}"`;
}

function reasonOf(error: unknown): string {
  return isGreenticError(error) ? `${error.code}: ${error.message}` : String(error);
}
