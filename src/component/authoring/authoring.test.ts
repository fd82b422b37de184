import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildFrom } from "../testing/hostile-guest.ts";
import { buildComponent } from "./build-component.ts";
import { readComponentSource } from "./component-source.ts";
import { parseHttpStubs } from "./http-stubs.ts";
import { inspectComponent } from "./inspect-component.ts";
import { findTool, resolveTool, runTool } from "./load-tool.ts";
import { newComponent } from "./new-component.ts";
import { testComponent } from "./test-component.ts";
import { GreenticError } from "../../types/index.ts";
import { verifies } from "../../../test/verifies.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "greentic-authoring-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("newComponent()", () => {
  test.each([
    ["mcp", "mcp250618", "greet", { name: "Ada" }, { structured: { greeting: "Hello, Ada!" } }],
    ["component", "exec", "execute", "hello", { text: "HELLO" }],
  ] as const)(
    "scaffolds a %s that builds, shows itself as %s and answers",
    async (world, abi, operation, input, output) => {
      const directory = join(root, `new-${world}`);
      expect(await newComponent(directory, { name: "greeter", world })).toContain("src/main.ts");
      const { bytes, sha256 } = await buildComponent(directory);
      expect(inspectComponent(bytes)).toMatchObject({ sha256, abi, imports: [] });
      const report = await testComponent(bytes, { operation, input });
      expect(report).toMatchObject({ ok: true, output, hostCalls: [], log: "" });
      expect(report.fuel).toBeGreaterThan(0);
      await expect(newComponent(directory, { name: "greeter", world })).rejects.toMatchObject({
        code: "COMPONENT_SOURCE_EXISTS",
      });
    },
  );
});

describe("readComponentSource()", () => {
  const read = async (text: string): Promise<unknown> => {
    const directory = await mkdtemp(join(root, "source-"));
    await writeFile(join(directory, "component.toml"), text);
    return readComponentSource(directory).then(
      ({ name, world, entry, grants }) => ({ name, world, entry, grants }),
      ({ code, at, message }: { code: string; message: string; at?: { line: number; column: number } }) => ({
        code,
        line: at?.line,
        message,
      }),
    );
  };

  test("reads what a component asks for", async () => {
    expect(await read('name = "a"\n[grants]\nhttp = ["https://x.test"]\nstate = "read"\n')).toEqual({
      name: "a",
      world: "component",
      entry: "src/main.ts",
      grants: {
        http: ["https://x.test"],
        secrets: [],
        secretsWrite: [],
        state: "read",
        tools: [],
        assets: false,
        oauth: [],
      },
    });
  });

  test.each([
    ['name = "A b"', 1],
    ['name = "a"\nworld = "other"', 2],
    ['name = "a"\nentry = "../outside.ts"', 2],
    ['name = "a"\nnmae = "b"', 2],
    ['name = "a"\n[grants]\nhttp = "https://x.test"', 3],
    ['name = "a"\n[grants]\nfiles = true', 3],
    ['name = "a"\nwit = "wit"', 2],
    ['name = "a', 1],
  ])("says where %j is wrong", async (text, line) => {
    expect(await read(text)).toMatchObject({ code: "COMPONENT_SOURCE_INVALID", line });
  });
});

describe("buildComponent()", () => {
  test("names the problem of a source that doesn't build", async () => {
    const manifest = 'name = "a"\n';
    const build = (source: string) => buildFrom({ "component.toml": manifest, "src/main.ts": source });
    await expect(build("enum E { a }\nexport const execute = () => E.a;")).rejects.toMatchObject({
      code: "COMPONENT_BUILD_FAILED",
    });
    await expect(build("export const execute = (;")).rejects.toMatchObject({ code: "COMPONENT_BUILD_FAILED" });
    await expect(
      build('import { send } from "greentic:http/http-client@1.1.0"; export const execute = () => send;'),
    ).rejects.toMatchObject({ code: "COMPONENT_BUILD_FAILED" });
  });

  test("says where the source is wrong, in the author's own lines", async () => {
    const node = 'name = "a"\nworld = "node"\n';
    const build = (main: string, manifest = node) => buildFrom({ "component.toml": manifest, "src/main.ts": main });
    const at = (line: number, column: number) => ({
      code: "COMPONENT_BUILD_FAILED",
      at: { file: expect.stringMatching(/src\/main\.ts$/) as string, line, column },
    });
    await expect(build("const a = 1;\nconst b: = 2;")).rejects.toMatchObject(at(2, 10));
    await expect(build('// first\nimport { a } from "./a.ts";\nexport default a;')).rejects.toMatchObject(at(2, 19));
    await expect(build("const a = undefined;\n  a.b();\nexport default a;")).rejects.toMatchObject(at(2, 3));
    await expect(build("export default {};")).rejects.toMatchObject({
      message: expect.stringContaining("no default export of defineComponent()") as string,
    });
  });

  test("names the command that installs a missing tool", async () => {
    expect(() => resolveTool("no-such-builder", root)).toThrow(
      expect.objectContaining({
        code: "COMPONENT_BUILDER_ABSENT",
        message: expect.stringContaining("npm install --save-dev no-such-builder") as string,
      }),
    );
    expect(() => findTool("no-such-builder", root)).toThrow(
      expect.objectContaining({ code: "COMPONENT_BUILDER_ABSENT" }),
    );
    const options = {
      cwd: root,
      install: "apt install it",
      failed: () => new GreenticError("COMPONENT_BUILD_FAILED", "x"),
    };
    await expect(runTool("no-such-compiler", [], options)).rejects.toMatchObject({
      code: "COMPONENT_BUILDER_ABSENT",
      message: expect.stringContaining("apt install it") as string,
    });
    await expect(runTool("false", [], options)).rejects.toMatchObject({ code: "COMPONENT_BUILD_FAILED" });
  });

  test("keeps what it built by the hash of its inputs", async () => {
    verifies("component.authoring");
    const directory = join(root, "cached");
    const cacheDirectory = join(root, "cache");
    await newComponent(directory, { name: "cached", world: "component" });
    const first = await buildComponent(directory, { cacheDirectory });
    expect((await buildComponent(directory, { cacheDirectory })).sha256).toBe(first.sha256);
    await writeFile(join(directory, "src/other.ts"), "export const other = 1;");
    expect((await buildComponent(directory, { cacheDirectory })).sha256).not.toBe(first.sha256);
  });

  test("lets a component import what it may write and whose tokens it may ask for", async () => {
    const { bytes } = await buildFrom({
      "component.toml": 'name = "t"\n[grants]\nsecrets_write = ["key"]\noauth = ["msgraph"]\n',
      "src/main.ts": `
        import { put } from "greentic:secrets-store/secrets-store@1.1.0";
        import { getToken } from "greentic:oauth-broker/broker-v1@1.0.0";
        export const execute = ({ content }) => (put("key", new Uint8Array([65])), { success: true, data: getToken(content, "me", []), error: null });`,
    });
    expect(inspectComponent(bytes).imports).toEqual([
      "greentic:secrets-store/secrets-store@1.1.0",
      "greentic:oauth-broker/broker-v1@1.0.0",
    ]);
  });

  test("takes a world of one's own", async () => {
    const directory = join(root, "own");
    await mkdir(join(directory, "src"), { recursive: true });
    await mkdir(join(directory, "wit"));
    await writeFile(join(directory, "component.toml"), 'name = "own"\nworld = "own"\nwit = "wit"\n');
    await writeFile(
      join(directory, "wit/world.wit"),
      "package my:sums; world adder { export add: func(a: u32, b: u32) -> u32; }",
    );
    await writeFile(join(directory, "src/main.ts"), "export const add = (a: number, b: number): number => a + b;");
    const { bytes } = await buildComponent(directory);
    expect(inspectComponent(bytes)).toMatchObject({ abi: "functions", imports: [] });
  });
});

describe("testComponent()", () => {
  test("puts stubs, secrets and assets behind the imports", async () => {
    const { bytes } = await buildFrom({
      "component.toml": 'name = "t"\n[grants]\nhttp = ["https://x.test"]\nsecrets = ["key"]\nassets = true\n',
      "src/main.ts": `
        import { send } from "greentic:http/http-client@1.1.0";
        import { get } from "greentic:secrets-store/secrets-store@1.0.0";
        import { read } from "greentic:host/assets@1.0.0";
        import { decodeUtf8 } from "@greentic/guest";
        export function execute({ content }: { content: string }) {
          const text = (bytes: Uint8Array | null): string => decodeUtf8(bytes ?? []);
          const answer = send({ method: "GET", url: content, headers: [], body: null }, null, null);
          const data = [answer.status, text(answer.body), text(get("key")), text(read("assets/a"))];
          return { success: true, data: JSON.stringify(data), error: null };
        }`,
    });
    const httpStubs = parseHttpStubs('[{ "url": "https://x.test/a", "status": 201, "body": { "b": 1 } }]');
    const assets = new Map([["assets/a", Buffer.from("file")]]);
    const test = { operation: "execute", secrets: { key: "value" }, httpStubs, assets };
    const report = await testComponent(bytes, { ...test, input: "https://x.test/a?q=1" });
    expect(report).toMatchObject({ ok: true, output: [201, '{"b":1}', "value", "file"] });
    expect(report.hostCalls).toEqual([
      "greentic:http/http-client@1.1.0#send",
      "greentic:secrets-store/secrets-store@1.0.0#get",
      "greentic:host/assets@1.0.0#read",
    ]);
    expect(await testComponent(bytes, { ...test, input: "https://y.test/" })).toMatchObject({
      ok: false,
      error: { code: "COMPONENT_TRAPPED" },
    });
  });

  test.each([
    "{}",
    "[1]",
    '[{ "url": "x" }]',
    '[{ "url": "https://x", "status": 99 }]',
    '[{ "url": "https://x", "headers": [] }]',
  ])("parseHttpStubs() refuses %s", (text) => {
    expect(() => parseHttpStubs(text)).toThrow(expect.objectContaining({ code: "COMPONENT_STUB_INVALID" }));
  });
});
