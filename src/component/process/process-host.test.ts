import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentCall, ComponentHost, ComponentResult } from "../host.ts";
import { ALL_GRANTS, callOf, ctxOf, memoryServices } from "../testing/call-support.ts";
import { hostileGuest } from "../testing/hostile-guest.ts";
import { childFlags } from "./child-process.ts";
import { InProcessComponentHost } from "./in-process-host.ts";
import { ProcessComponentHost } from "./process-host.ts";
import { verifies } from "../../../test/verifies.ts";

let sha256 = "";
let bytes: Uint8Array;
beforeAll(async () => {
  ({ sha256, bytes } = await hostileGuest());
});

const outputOf = (result: ComponentResult): unknown => (result.kind === "ok" ? result.output : result.error);
const hosts: readonly (readonly [string, () => ComponentHost])[] = [
  ["ProcessComponentHost", () => new ProcessComponentHost({ poolSize: 1 })],
  ["InProcessComponentHost", () => new InProcessComponentHost()],
];

describe.each(hosts)("%s", (_name, open) => {
  let host: ComponentHost;
  beforeAll(async () => {
    host = open();
    await host.admit(bytes, ALL_GRANTS);
  });
  afterAll(() => host[Symbol.asyncDispose]());
  const invoke = (act: string, argument: JsonValue = null, extra: Partial<ComponentCall> = {}, tenant = "acme") =>
    host.invoke(ctxOf(tenant), callOf(sha256, { act, argument }, extra));

  test("admit() names what a component is", async () => {
    verifies("component.instantiate");
    const info = await host.admit(bytes, ALL_GRANTS);
    expect(info).toMatchObject({ sha256, sizeBytes: bytes.byteLength, abi: "exec" });
    expect(info.imports).toContain("greentic:http/http-client@1.1.0");
    expect(info.exports).toContain("execute");
  });

  test.each([
    ["greentic:http/http-client@1.1.0", { http: [] }],
    ["greentic:secrets-store/secrets-store@1.0.0", { secrets: [] }],
    ["greentic:state/state-store@1.0.0", { state: "none" as const }],
    ["greentic:host/tools@1.0.0", { tools: [] }],
    ["greentic:host/assets@1.0.0", { assets: false }],
  ])("admit() refuses %s without its grant", async (name, taken) => {
    await expect(host.admit(bytes, { ...ALL_GRANTS, ...taken })).rejects.toMatchObject({
      code: "COMPONENT_IMPORT_UNGRANTED",
      details: { import: name },
    });
  });

  test("admit() refuses bytes that are no component", async () => {
    await expect(host.admit(Buffer.from("hello"), NO_GRANTS)).rejects.toMatchObject({
      code: "COMPONENT_BINARY_INVALID",
    });
  });

  test("invoke() refuses hashes that it doesn't know", async () => {
    await expect(host.invoke(ctxOf(), callOf("0".repeat(64), { act: "echo" }))).rejects.toMatchObject({
      code: "COMPONENT_NOT_ADMITTED",
    });
  });

  test("every call has an instance of its own", async () => {
    verifies("component.model");
    expect(outputOf(await invoke("count"))).toBe(1);
    expect(outputOf(await invoke("count"))).toBe(1);
  });

  test("answers host calls within the call's tenant and grants", async () => {
    verifies(
      "component.wit.binding",
      "imports.secrets-get",
      "imports.telemetry-emit",
      "imports.tool-invoke",
      "security.secrets-allow",
      "tenancy.ctx",
      "session.record-ctx",
    );
    const services = memoryServices();
    const extra = { services };
    expect(outputOf(await invoke("secret", "granted", extra, "beta"))).toBe("value of granted");
    expect(outputOf(await invoke("secret", "other", extra))).toEqual({ thrown: "denied" });
    expect(outputOf(await invoke("write", ["k", "v"], extra))).toBe("ok");
    expect([...services.state.keys()]).toEqual(["hostile/k"]);
    expect(outputOf(await invoke("read", "k", extra))).toBe("v");
    expect(outputOf(await invoke("read", "none", extra))).toMatchObject({ thrown: { code: "not_found" } });
    expect(outputOf(await invoke("write", ["../other/k", "v"], extra))).toBe("ok");
    expect([...services.state.keys()]).toEqual(["hostile/k", "hostile/..%2Fother%2Fk"]);
    expect(outputOf(await invoke("asset", "assets/a.txt", extra))).toBe("asset");
    expect(outputOf(await invoke("asset", "assets/../manifest.cbor", extra))).toMatchObject({
      thrown: expect.stringMatching(/^invalid/),
    });
    expect(outputOf(await invoke("tool", ["allowed", { x: 1 }], extra))).toEqual({ name: "allowed", input: { x: 1 } });
    expect(outputOf(await invoke("tool", ["other", {}], extra))).toMatchObject({
      thrown: expect.stringMatching(/^denied/),
    });
    expect(outputOf(await invoke("http", { url: "http://127.0.0.1/x" }, extra))).toMatchObject({ body: "answered" });
    expect(outputOf(await invoke("http", { url: "http://evil.test/" }, extra))).toMatchObject({
      thrown: { code: "denied" },
    });
    expect(services.asked[0]).toBe("beta secret granted");
    expect(services.asked.filter((line) => line.includes("secret other"))).toEqual([]);
  });

  test("judges single requests by the call's grants, whatever admission saw", async () => {
    const services = memoryServices();
    const extra = { services, grants: NO_GRANTS };
    expect(outputOf(await invoke("secret", "granted", extra))).toEqual({ thrown: "denied" });
    expect(outputOf(await invoke("http", { url: "http://127.0.0.1/" }, extra))).toMatchObject({
      thrown: { code: "denied" },
    });
    expect(
      outputOf(await invoke("write", ["k", "v"], { ...extra, grants: { ...NO_GRANTS, state: "read" } })),
    ).toMatchObject({ thrown: { code: "denied" } });
    expect(services.asked).toEqual([]);
    expect(services.state.size).toBe(0);
  });

  test("a spinning guest is stopped at its deadline while others go on", async () => {
    const order: string[] = [];
    const spinning = invoke("spin", null, { timeoutMs: 400 }).then((result) => {
      order.push("spin");
      return result;
    });
    for (let i = 0; i < 3; i++) {
      expect(outputOf(await invoke("echo", i))).toBe(i);
      order.push("echo");
    }
    const result = await spinning;
    expect(order).toEqual(["echo", "echo", "echo", "spin"]);
    expect(outputOf(result)).toMatchObject({ code: "COMPONENT_DEADLINE_EXCEEDED", retryable: true });
    expect(outputOf(await invoke("echo", "after"))).toBe("after");
  });

  test("memory stops at its cap, recursion at its own", async () => {
    const result = await invoke("grow");
    expect(outputOf(result)).toMatchObject({ code: "COMPONENT_TRAPPED" });
    expect(result.stats.peakMemoryBytes).toBeLessThanOrEqual(64 << 20);
    expect(outputOf(await invoke("recurse"))).toMatchObject({
      code: "COMPONENT_TRAPPED",
      details: { reason: "stack" },
    });
  });

  test("logs are bounded and forge nothing", async () => {
    const services = memoryServices();
    const text = "line\r\nforged \u001b[31mred\u202e";
    const one = await invoke("log", [1, text], { services });
    expect(services.asked).toEqual(["acme warn text=line forged red span.flow=f span.provider=p"]);
    expect(one.stats.log).toBe("text=line forged red span.flow=f span.provider=p\n");
    const flood = await invoke("log", [900, "x".repeat(1000)], { services: memoryServices() });
    expect(flood.stats.log.length).toBeLessThanOrEqual(64 * 1024);
    expect(outputOf(await invoke("log", [5000, "x"], { services: memoryServices() }))).toMatchObject({
      code: "COMPONENT_TRAPPED",
    });
  });

  test("a component's own failures are results", async () => {
    expect(outputOf(await invoke("refuse", "no\nsuch thing"))).toEqual({
      code: "COMPONENT_FAILED",
      message: "no such thing",
      retryable: false,
    });
    expect(outputOf(await invoke("fail", "thrown"))).toMatchObject({ code: "COMPONENT_TRAPPED" });
    expect(
      outputOf(await host.invoke(ctxOf(), { ...callOf(sha256, { act: "echo" }), operation: "other" })),
    ).toMatchObject({
      code: "COMPONENT_OPERATION_UNKNOWN",
    });
  });
});

describe("ProcessComponentHost", () => {
  test("ends calls under way when it ends", async () => {
    const host = new ProcessComponentHost({ poolSize: 1 });
    await host.admit(bytes, ALL_GRANTS);
    const result = host.invoke(ctxOf(), callOf(sha256, { act: "spin" }));
    await host[Symbol.asyncDispose]();
    expect(outputOf(await result)).toMatchObject({ code: "COMPONENT_HOST_LOST", retryable: true });
  });

  test("repeats a call whose process was killed for another, once, and only where it changed nothing", async () => {
    await using host = new ProcessComponentHost({ poolSize: 1 });
    await host.admit(bytes, ALL_GRANTS);
    let reads = 0;
    const { promise: never } = Promise.withResolvers<undefined>();
    const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
    const services = {
      ...memoryServices(),
      stateRead: async () => {
        reads++;
        if (reads > 1) return Buffer.from("second");
        wasAsked();
        return never;
      },
      stateWrite: async () => {
        wasAsked();
        return never;
      },
    };
    const kill = (): void => {
      for (const process of host.processes) process.kill();
    };
    const read = host.invoke(ctxOf(), callOf(sha256, { act: "read", argument: "k" }, { services }));
    await asked;
    kill();
    expect(outputOf(await read)).toBe("second");
    const second = Promise.withResolvers<void>();
    const write = host.invoke(
      ctxOf(),
      callOf(
        sha256,
        { act: "write", argument: ["k", "v"] },
        {
          services: {
            ...services,
            stateWrite: async () => {
              second.resolve();
              return never;
            },
          },
        },
      ),
    );
    await second.promise;
    kill();
    expect(outputOf(await write)).toMatchObject({ code: "COMPONENT_HOST_LOST", retryable: true });
  });

  test("kills a process that holds its thread beyond a deadline, and repeats the others' calls", async () => {
    await using host = new ProcessComponentHost({ poolSize: 1 });
    await host.admit(bytes, ALL_GRANTS);
    const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
    let reads = 0;
    const services = {
      ...memoryServices(),
      stateRead: (): Promise<Uint8Array> => {
        wasAsked();
        return ++reads === 1 ? new Promise(() => undefined) : Promise.resolve(Buffer.from("second"));
      },
    };
    const other = host.invoke(ctxOf("other"), callOf(sha256, { act: "read", argument: "k" }, { services }));
    await asked;
    const spinning = host.invoke(ctxOf(), callOf(sha256, { act: "spin" }, { timeoutMs: 300 }));
    // Nothing in the process runs any more, as if one instruction of the guest took for ever.
    for (const { pid } of host.processes) if (pid !== undefined) process.kill(pid, "SIGSTOP");
    expect(outputOf(await spinning)).toMatchObject({ code: "COMPONENT_DEADLINE_EXCEEDED" });
    expect(outputOf(await other)).toBe("second");
  });

  test("kills a process that grows beyond its size", async () => {
    await using host = new ProcessComponentHost({ poolSize: 1, maxRssBytes: 1 << 20 });
    await host.admit(bytes, ALL_GRANTS);
    const result = await host.invoke(ctxOf(), callOf(sha256, { act: "spin" }, { timeoutMs: 20_000 }));
    expect(outputOf(result)).toMatchObject({ code: "COMPONENT_HOST_LOST" });
  });

  test("lets no tenant have more than its share", async () => {
    await using host = new ProcessComponentHost({ poolSize: 1, tenant: { maxRunning: 1, maxWaiting: 2 } });
    await host.admit(bytes, ALL_GRANTS);
    const flood = Array.from({ length: 4 }, () =>
      host.invoke(ctxOf("flood"), callOf(sha256, { act: "spin" }, { timeoutMs: 300 })),
    );
    const other = await host.invoke(ctxOf("other"), callOf(sha256, { act: "echo", argument: 1 }));
    expect(outputOf(other)).toBe(1);
    const codes = (await Promise.all(flood)).map((result) => (result.kind === "error" ? result.error.code : "ok"));
    expect(codes.filter((code) => code === "COMPONENT_BUSY").length).toBeGreaterThanOrEqual(1);
    expect(codes[0]).toBe("COMPONENT_DEADLINE_EXCEEDED");
  });
});

test("a component-host process can reach nothing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "greentic-probe-"));
  const probe = join(directory, "probe.mjs");
  await writeFile(
    probe,
    `const tried = {};
const attempt = async (name, work) => { try { await work(); tried[name] = "allowed"; } catch (error) { tried[name] = error.code ?? error.message; } };
await attempt("read", async () => (await import("node:fs")).readFileSync("/etc/hostname"));
await attempt("list", async () => (await import("node:fs")).readdirSync("/"));
await attempt("write", async () => (await import("node:fs")).writeFileSync(${JSON.stringify(join(directory, "out"))}, "x"));
await attempt("spawn", async () => (await import("node:child_process")).spawnSync(process.execPath, ["-v"]));
await attempt("worker", async () => new (await import("node:worker_threads")).Worker("1", { eval: true }));
await attempt("connect", () => import("node:net").then(({ connect }) => new Promise((resolve, reject) => connect(9, "127.0.0.1").on("connect", resolve).on("error", reject))));
await attempt("listen", () => import("node:net").then(({ createServer }) => new Promise((resolve, reject) => createServer().on("error", reject).listen(0, resolve))));
await attempt("fetch", () => fetch("http://127.0.0.1:8099/").catch((error) => { throw error.cause ?? error; }));
await attempt("memory", async () => new WebAssembly.Memory({ initial: 1 }).grow(65535));
tried.env = Object.keys(process.env).length;
process.stdout.write(JSON.stringify(tried));
process.exit(0);`,
  );
  try {
    const limits = { linker: {}, maxHeapMb: 64, maxRssBytes: 1 << 30, killGraceMs: 100, silenceMs: 1000 };
    const flags = [...childFlags(limits), `--allow-fs-read=${probe}`];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, probe], { env: {} });
    const { env, memory, ...tried } = JSON.parse(stdout) as Record<string, unknown>;
    expect(tried).toEqual(Object.fromEntries(Object.keys(tried).map((name) => [name, "ERR_ACCESS_DENIED"])));
    expect(memory).toMatch(/grow/);
    expect(env).toBe(0);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
