import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fullChecks, probeComponent } from "../../src/conformance/full-checks.ts";
import { InProcessComponentHost } from "../../src/component/index.ts";
import { buildFrom } from "../../src/component/testing/hostile-guest.ts";
import { buildOwnWorld } from "../../src/component/testing/own-world.ts";
import { buildPack, TRUST_NOBODY, verifyPack } from "../../src/pack/index.ts";
import type { TestRuntime, TestRuntimeOptions } from "../../src/runner/runtime-fixture.ts";
import { makePack, openTestRuntime } from "../../src/runner/runtime-fixture.ts";
import { DENY_ALL } from "../../src/types/index.ts";
import { PassingWorld } from "../stand-ins/passing-world.ts";
import { verifies } from "../verifies.ts";

const WIT = `
package t:pair@1.0.0;
interface keeper { keep: func(key: string, value: string) -> option<string>; }
`;
const CALLER = `
import { keep } from "t:pair/keeper@1.0.0";
export function execute({ content }: { content: string }) {
  const { key, value } = JSON.parse(content);
  return { success: true, data: JSON.stringify({ before: keep(key, value) ?? null }), error: null };
}`;
const KEEPER = `
import * as state from "greentic:state/state-store@1.0.0";
import { decodeUtf8, encodeUtf8 } from "@greentic/guest";
export const keeper = {
  keep: (key: string, value: string) => {
    let before = null;
    try { before = decodeUtf8(state.read(key, null)); } catch (error) { if ((error as any).payload.code !== "not_found") return "denied"; }
    state.write(key, encodeUtf8(value), null);
    return before;
  },
};`;
const toml = (name: string): string => `name = "${name}"\nworld = "own"\nwit = "wit"\n`;

const host = new InProcessComponentHost();
let caller: Uint8Array;
let keeper: Uint8Array;
beforeAll(async () => {
  const callerWorld = "world caller { import keeper; include greentic:component/component; }";
  const keeperWorld = "world keeping { import greentic:state/state-store@1.0.0; export keeper; }";
  const build = async (name: string, world: string, source: string): Promise<Uint8Array> =>
    (await buildFrom({ "component.toml": toml(name), "wit/world.wit": WIT + world, "src/main.ts": source })).bytes;
  caller = await build("caller", callerWorld, CALLER);
  keeper = await build("keeping", keeperWorld, KEEPER);
}, 60_000);
afterAll(() => host[Symbol.asyncDispose]());

async function open(
  flow: string,
  files: {
    readonly wasm: Readonly<Record<string, readonly [grants: string, bytes: Uint8Array]>>;
    readonly assets?: Readonly<Record<string, string>>;
  },
  options: TestRuntimeOptions = {},
): Promise<TestRuntime> {
  const pack = await makePack({
    flows: { default: `id: default\ntype: job\n${flow}` },
    components: Object.fromEntries(Object.entries(files.wasm).map(([name, [grants]]) => [name, grants])),
    wasm: Object.fromEntries(Object.entries(files.wasm).map(([name, [, bytes]]) => [name, bytes])),
    ...(files.assets === undefined ? {} : { assets: files.assets }),
  });
  return openTestRuntime({ world: new PassingWorld(), pack, components: host, ...options });
}

const TWICE = `
start: one
nodes:
  one: { front.execute: { key: "a/b", value: "1" }, routing: [{ to: two }] }
  two: { front.execute: { key: "a/b", value: "2" }, routing: [{ to: end }] }
  end: { flow.return: { value: ["{{one.before}}", "{{two.before}}"] } }
`;

test("a linked pack is sound to verify --full, and one that lacks a component is not", async () => {
  const findings = async (components: Readonly<Record<string, Uint8Array>>): Promise<readonly string[]> => {
    const dir = await mkdtemp(join(tmpdir(), "greentic-links-"));
    try {
      const entries = Object.keys(components).map((name) => `${name} = { grants = { state = "read-write" } }`);
      const flow = "id: default\ntype: job\nstart: end\nnodes:\n  end: { flow.return: { value: 1 } }\n";
      const source = `[pack]\nname = "app"\nversion = "1.0.0"\ndescription = "d"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n[flows]\ndefault = "flows/default.ygtc"\n[components]\n${entries.join("\n")}\n`;
      await mkdir(join(dir, "flows"));
      await mkdir(join(dir, "components"));
      await writeFile(join(dir, "pack.toml"), source);
      await writeFile(join(dir, "flows/default.ygtc"), flow);
      for (const [name, bytes] of Object.entries(components)) {
        await writeFile(join(dir, "components", `${name}.wasm`), bytes);
      }
      const { bytes } = await buildPack(dir, { probeComponent });
      const trust = { ...TRUST_NOBODY, rejectUnsigned: false };
      const report = await verifyPack(bytes, { trust, nowMs: 0, full: await fullChecks(bytes, { nowMs: 0 }) });
      return report.findings.filter(({ severity }) => severity === "error").map(({ code }) => code);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  };
  expect(await findings({ front: caller, back: keeper })).toEqual([]);
  expect(await findings({ front: caller })).toEqual(["COMPONENT_IMPORT_UNGRANTED"]);
  expect(await findings({ front: caller, back: keeper, again: keeper })).toEqual(["COMPONENT_LINK_INVALID"]);
}, 60_000);

describe("components of a pack", () => {
  test("one serves another's import, and what it wrote earlier in the turn it reads, under its own name", async () => {
    verifies("component.links", "component.state-own-writes");
    const { say, events } = await open(TWICE, {
      wasm: { front: ["", caller], back: ['state = "read-write"', keeper] },
    });
    const report = await say("x", { session: "s" });
    expect(report.error).toBeUndefined();
    expect(report.output).toEqual([null, "1"]);
    const wrote = events.flatMap((event) => (event.kind === "node.ended" ? [event] : []));
    expect(wrote).toMatchObject([{ wrote: ["back/a%2Fb"] }, { wrote: ["back/a%2Fb"] }, {}]);
    expect((await say("x", { session: "s" })).output).toEqual(["2", "1"]);
    expect((await say("x", { session: "other" })).output).toEqual([null, "1"]);
  });

  test("the serving one has no more than its own grants", async () => {
    await expect(
      open(TWICE, { wasm: { front: ['state = "read-write"', caller], back: ["", keeper] } }),
    ).rejects.toThrow(expect.objectContaining({ code: "COMPONENT_IMPORT_UNGRANTED" }));
    const { say } = await open(TWICE, { wasm: { front: ["", caller], back: ['state = "read"', keeper] } });
    expect((await say("x")).status).not.toBe("done");
  });

  test("nobody, or more than one, that could serve an import is a mistake of the pack", async () => {
    await expect(open(TWICE, { wasm: { front: ["", caller] } })).rejects.toMatchObject({
      code: "COMPONENT_IMPORT_UNGRANTED",
      details: { import: "t:pair/keeper@1.0.0" },
    });
    const state = 'state = "read-write"';
    await expect(
      open(TWICE, { wasm: { front: ["", caller], back: [state, keeper], again: [state, keeper] } }),
    ).rejects.toMatchObject({ code: "COMPONENT_LINK_INVALID", details: { interface: "t:pair/keeper@1.0.0" } });
  });
});

test("a component that exports the interface with another type is a mistake of the pack", async () => {
  const files = {
    "component.toml": toml("keeping"),
    "wit/world.wit": `${WIT.replace("value: string", "value: u32")}\nworld keeping { export keeper; }`,
    "src/main.ts": "export const keeper = { keep: (key: string, value: number) => key + value };",
  };
  const other = (await buildFrom(files)).bytes;
  await expect(open(TWICE, { wasm: { front: ["", caller], back: ["", other] } })).rejects.toMatchObject({
    code: "COMPONENT_LINK_INVALID",
    message: expect.stringContaining('"keep" has another type') as string,
  });
}, 60_000);

test("a tool's component is linked too, and lists its tools without anybody's grants", async () => {
  const world = "world lister { import keeper; export wasix:mcp/router@25.6.18; }";
  const source = `
import { keep } from "t:pair/keeper@1.0.0";
import { toolRouter } from "@greentic/guest";
const call = ({ key }: any) => ({ text: keep(key, "v") ?? "none" });
const routerOf = (inputSchema: object) => toolRouter({ name: "r", tools: [{ name: "keep", description: "Keeps", inputSchema, call }] }) as any;
// What is listed is kept for every tenant: whoever could read state then would show it to others.
const listTools = () => routerOf({ type: "object", required: keep("seen", "v") === "denied" ? [] : ["leak"] }).listTools();
export const router = { ...routerOf({ type: "object" }), listTools };`;
  const files = { "component.toml": toml("lister"), "wit/world.wit": WIT + world, "src/main.ts": source };
  const lister = (await buildFrom(files)).bytes;
  const map = { tools: [{ name: "keep", component: "components/lister.wasm", entry: "keep" }] };
  const { say } = await open(
    `
start: keep
nodes:
  keep: { tool.invoke: { tool: keep, input: { key: k } }, routing: [{ to: again }] }
  again: { tool.invoke: { tool: keep, input: { key: k } }, routing: [{ to: end }] }
  end: { flow.return: { value: ["{{keep}}", "{{again}}"] } }
`,
    {
      wasm: { lister: ["", lister], back: ['state = "read-write"', keeper] },
      assets: { "toolmap.json": JSON.stringify(map) },
    },
  );
  const report = await say("x");
  expect(report.error).toBeUndefined();
  expect(JSON.stringify(report.output)).toMatch(/none.*"v"/);
}, 60_000);

test("a component finds its pack's assets as files, its configuration, and writes a secret where policy leaves it", async () => {
  verifies("component.assets-files", "component.secrets-write");
  const guest = await buildOwnWorld(
    [
      "wasi:filesystem/preopens@0.2.12",
      "wasi:filesystem/types@0.2.12",
      "greentic:secrets-store/secrets-store@1.1.0",
      "greentic:runtime-config/runtime-config@1.0.0",
    ],
    `
import { getDirectories } from "wasi:filesystem/preopens@0.2.12";
import "wasi:filesystem/types@0.2.12";
import { put } from "greentic:secrets-store/secrets-store@1.1.0";
import { get } from "greentic:runtime-config/runtime-config@1.0.0";
import { decodeUtf8, encodeUtf8 } from "@greentic/guest";
const acts: Record<string, (argument: any) => unknown> = {
  read: (path) => decodeUtf8(getDirectories()[0]![0].openAt({}, path, {}, {}).read(100, 0)[0]),
  put: (value) => { put("api_key", encodeUtf8(value)); return get("none") ?? "written"; },
};`,
  );
  const written: string[] = [];
  const flow = `
start: read
nodes:
  read: { guest.execute: { act: read, argument: data/a.txt }, routing: [{ to: put }] }
  put: { guest.execute: { act: put, argument: fresh }, routing: [{ to: end }] }
  end: { flow.return: { value: ["{{read}}", "{{put}}"] } }
`;
  const secretWriter: TestRuntimeOptions["secretWriter"] = {
    put: async (ctx, category, name, value) => void written.push(`${ctx.tenant} ${category} ${name} ${value}`),
  };
  const wasm = { guest: ['assets = true\nsecrets_write = ["api_key", "other"]', guest.bytes] } as const;
  const assets = { "data/a.txt": "from the pack" };
  const { say } = await open(flow, { wasm, assets }, { secretWriter });
  const report = await say("x");
  expect(report.error).toBeUndefined();
  expect(report.output).toEqual(["from the pack", "written"]);
  expect(written).toEqual(["acme app api_key fresh"]);
  // Where policy leaves no secret, the import itself is refused.
  await expect(open(flow, { wasm, assets }, { secretWriter, policy: () => DENY_ALL })).rejects.toMatchObject({
    code: "COMPONENT_IMPORT_UNGRANTED",
    details: { import: "greentic:secrets-store/secrets-store@1.1.0" },
  });
}, 60_000);

const root = process.env["GREENTIC_COMPAT_DIR"];
test.skipIf(root === undefined)(
  "the public MCP adapter is linked to a router of its pack (GREENTIC_COMPAT_DIR)",
  async () => {
    const adapter = readFileSync(
      join(root ?? "", "greentic-mcp/greentic-mcp/assets/mcp_adapter_25_06_18.component.wasm"),
    );
    const router = await buildFrom({
      "component.toml": 'name = "router"\nworld = "mcp"\n',
      "src/main.ts": `
import { toolRouter } from "@greentic/guest";
const tool = { name: "greet", description: "Greets", inputSchema: { type: "object" } };
export const router = toolRouter({ name: "router", tools: [{ ...tool, call: ({ who }) => ({ text: "Hello " + who, structured: { who } }) }] });`,
    });
    const { say } = await open(
      `
start: list
nodes:
  list: { adapter.list: {}, routing: [{ to: call }] }
  call: { adapter.call: { tool: greet, arguments: { who: Ada } }, routing: [{ to: end }] }
  end: { flow.return: { value: ["{{list.result.tools}}", "{{call.result.structured_content}}"] } }
`,
      { wasm: { adapter: ['secrets = ["api_key"]', adapter], router: ["", router.bytes] } },
    );
    const report = await say("x");
    expect(report.error).toBeUndefined();
    expect(report.output).toEqual([[expect.objectContaining({ name: "greet" })], { who: "Ada" }]);
  },
  60_000,
);
