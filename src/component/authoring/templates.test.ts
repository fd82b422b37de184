import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import { buildComponent } from "./build-component.ts";
import { readComponentSource } from "./component-source.ts";
import { doctorComponent } from "./doctor-component.ts";
import { inspectComponent } from "./inspect-component.ts";
import { newComponent } from "./new-component.ts";
import { readCases, runCase } from "./test-cases.ts";
import { testComponent } from "./test-component.ts";
import { findToolchains } from "./toolchains.ts";
import { verifies } from "../../../test/verifies.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "greentic-templates-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const tools = await findToolchains(ROOT);

describe.each([
  ["typescript", "node06", 1_200_000],
  ["c", "exec", 2_000],
  ["assemblyscript", "exec", 10_000],
  ["rust", "exec", 200_000],
] as const)("the %s template", (template, abi, maxBytes) => {
  const absent = tools.filter(({ languages, isPresent }) => !isPresent && languages.includes(template));
  const reason = absent.map(({ name }) => name).join(", ");

  test.skipIf(absent.length > 0)(
    `builds, fits and passes its own cases${reason && ` (skipped: no ${reason})`}`,
    async () => {
      verifies("component.templates");
      const directory = join(root, template);
      await newComponent(directory, { name: "sample", template });
      const { source, bytes } = await buildComponent(directory);
      expect(inspectComponent(bytes)).toMatchObject({ abi });
      expect(bytes.byteLength).toBeLessThanOrEqual(maxBytes);
      const cases = await readCases(directory);
      expect(cases.length).toBeGreaterThan(0);
      for (const one of cases) expect(await runCase(bytes, one)).toMatchObject({ name: one.name, ok: true });
      const { ok, checks } = await doctorComponent(bytes, { source, directory });
      expect(checks.filter(({ status }) => status === "error")).toEqual([]);
      expect(ok).toBe(true);
      // What compilers make is the same every time; the builder of TypeScript seeds its tables by chance.
      expect(checks.find(({ id }) => id === "hash")?.status).toBe(template === "typescript" ? "skipped" : "ok");
    },
  );

  test("has what its README speaks of", async () => {
    const directory = join(root, `${template}-files`);
    const files = await newComponent(directory, { name: "sample", template });
    expect(files).toContain("README.md");
    expect(files.filter((file) => file.startsWith("tests/")).length).toBeGreaterThan(0);
    expect(await readComponentSource(directory)).toMatchObject({ name: "sample", language: template });
    for (const file of files) expect(await readFile(join(directory, file), "utf8")).not.toContain("NAME");
  });
});

test("the TypeScript template type-checks where greentic is installed", async () => {
  verifies("component.sdk.types");
  const directory = join(root, "types");
  await newComponent(directory, { name: "types" });
  await mkdir(join(directory, "node_modules"));
  await symlink(ROOT, join(directory, "node_modules/greentic"));
  const check = (): Promise<unknown> =>
    promisify(execFile)(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", directory]);
  await check();
  const main = join(directory, "src/main.ts");
  await writeFile(main, (await readFile(main, "utf8")).replace("({ name }, ctx)", "({ nam }, ctx)"));
  await expect(check()).rejects.toMatchObject({ stdout: expect.stringContaining("'nam'") });
});

describe("a component of defineComponent()", () => {
  const SOURCE = `import { ComponentError, defineComponent, s } from "greentic/component-sdk";

export default defineComponent({
  name: "all",
  version: "1.0.0",
  config: s.object({ unit: s.optional(s.string({ default: "C" })) }),
  operations: {
    all: {
      input: s.object({ what: s.string() }),
      output: s.any(),
      run: ({ what }, ctx) => {
        ctx.log.warn("called", { what });
        switch (what) {
          case "http": {
            const { status, ok, headers } = ctx.http.fetch("https://x.test/a", { json: { b: 1 } });
            return { status, ok, type: headers["content-type"], body: ctx.http.fetch("https://x.test/a").json() };
          }
          case "missing":
            return ctx.http.fetch("https://x.test/none").status;
          case "secret":
            return ctx.secrets.get("key");
          case "no-secret":
            return ctx.secrets.get("other");
          case "state":
            ctx.state.set("count", Number(ctx.state.get("count") ?? 0) + 1);
            ctx.state.delete("old");
            return ctx.state.get("nothing") === undefined;
          case "tool":
            return ctx.tools.invoke("weather", { city: "Lima" });
          case "asset":
            return ctx.assets.readText("assets/a.txt");
          case "config":
            return ctx.config.unit;
          case "busy":
            throw new ComponentError("BUSY", "later", { retryable: true, backoffMs: 500, details: { queue: 3 } });
          default:
            return deeper(what);
        }
      },
    },
  },
});

function deeper(what: string): never {
  throw new TypeError(\`no \${what}\`);
}
`;
  const MANIFEST = `name = "all"\nworld = "node"\n[grants]\nhttp = ["https://x.test"]\nsecrets = ["key"]\nstate = "read-write"\ntools = ["weather"]\nassets = true\n`;
  let bytes: Uint8Array;
  beforeAll(async () => {
    const directory = join(root, "all");
    await mkdir(join(directory, "src"), { recursive: true });
    await writeFile(join(directory, "component.toml"), MANIFEST);
    await writeFile(join(directory, "src/main.ts"), SOURCE);
    ({ bytes } = await buildComponent(directory));
  });
  const call = (what: string) =>
    testComponent(bytes, {
      operation: "all",
      input: { what },
      config: {},
      secrets: { key: "value" },
      httpStubs: ["GET", "POST"].map((method) => ({
        method,
        url: new URL("https://x.test/a"),
        response: { status: 201, headers: [["content-type", "application/json"]] as const, body: Buffer.from("[1]") },
      })),
      tools: { weather: { max: 21 } },
      state: { count: 4, old: "x" },
      assets: new Map([["assets/a.txt", Buffer.from("file é")]]),
    });

  test.each([
    ["http", { status: 201, ok: true, type: "application/json", body: [1] }],
    ["secret", "value"],
    ["state", true],
    ["tool", { max: 21 }],
    ["asset", "file é"],
    ["config", "C"],
  ])("reaches %s", async (what, output) => {
    verifies("component.sdk");
    expect(await call(what)).toMatchObject({ ok: true, output, log: `message=called what=${what}\n` });
  });

  test("keeps state, which the harness takes in and gives out", async () => {
    expect((await call("state")).state).toEqual({ count: 5 });
  });

  test.each([
    ["no-secret", { code: "SECRETS_DENIED", retryable: false }],
    ["missing", { code: "HTTP_UNAVAILABLE", retryable: true }],
    ["busy", { code: "BUSY", message: "later", retryable: true, backoffMs: 500, details: { queue: 3 } }],
  ])("ends %s in its own error", async (what, error) => {
    expect(await call(what)).toMatchObject({ ok: false, error });
  });

  test("names the author's own line of what broke", async () => {
    const line = SOURCE.split("\n").findIndex((text) => text.includes("new TypeError")) + 1;
    expect(await call("?")).toMatchObject({
      error: {
        code: "COMPONENT_FAILED",
        message: "TypeError: no ?",
        details: { at: { file: "src/main.ts", line, column: 13 } },
      },
    });
  });

  test("is held to the memory and the time that the harness gives", async () => {
    const test = { operation: "all", input: { what: "config" } };
    await expect(testComponent(bytes, { ...test, maxMemoryBytes: 65_536 })).rejects.toMatchObject({
      code: "COMPONENT_LIMIT_EXCEEDED",
    });
  });

  test("describes itself to a host", async () => {
    await using host = new InProcessComponentHost();
    const { sha256 } = await host.examine(bytes);
    expect(await host.describe(sha256)).toMatchObject({
      name: "all",
      version: "1.0.0",
      operations: [{ name: "all", inputSchema: { required: ["what"], additionalProperties: false } }],
      configSchema: { properties: { unit: { type: "string" } } },
    });
  });
});

describe("runCase()", () => {
  test("names what differs", async () => {
    const directory = join(root, "cases");
    await newComponent(directory, { name: "cases", world: "component" });
    const { bytes } = await buildComponent(directory);
    const run = (expected: object) =>
      runCase(bytes, { name: "c", test: { operation: "execute", input: "a" }, ...expected });
    expect(await run({ output: { text: "A" } })).toMatchObject({ ok: true });
    expect(await run({ output: { text: "B" } })).toMatchObject({
      ok: false,
      difference: { at: "output.text", expected: "B", got: "A" },
    });
    expect(await run({ error: { code: "X" } })).toMatchObject({ ok: false, difference: { at: "error", got: null } });
    expect(await run({ output: { text: "A" }, stateAfter: { k: 1 } })).toMatchObject({
      difference: { at: "state.k", expected: 1, got: null },
    });
  });

  test.each(["[]", "{", '{ "operation": "a" }', '{ "operation": "a", "output": 1, "error": {} }', '{ "op": "a" }'])(
    "readCases() refuses %s",
    async (text) => {
      const directory = await mkdtemp(join(root, "case-"));
      await mkdir(join(directory, "tests"));
      await writeFile(join(directory, "tests/a.json"), text);
      await expect(readCases(directory)).rejects.toMatchObject({ code: "COMPONENT_CASE_INVALID" });
    },
  );
});
