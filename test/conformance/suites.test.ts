import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { judgeComponent, judgeDeployer, judgePack, judgeTelemetry } from "../../src/conformance/index.ts";
import { makeDeployment } from "../../src/deployer/deployment-fixture.ts";
import type { Target } from "../../src/deployer/target.ts";
import { findTarget } from "../../src/deployer/index.ts";
import { DirectLineClient } from "../e2e/direct-line-client.ts";
import { startHostProcess } from "../e2e/host-process.ts";
import { verifies } from "../verifies.ts";
import { caseOf, copyDemo, gtc, judge, notPassed } from "./demo.ts";

const PACK = "dist/weather-demo-1.0.0.gtpack";
let demo = "";

beforeAll(async () => {
  demo = await copyDemo();
}, 60_000);

test("every verb of conformance says what it takes", async () => {
  verifies("conformance.suites");
  const { stdout } = await gtc(demo, ["conformance", "--help"]);
  expect([...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name).filter((name) => name !== "help")).toEqual([
    "pack",
    "flow",
    "component",
    "runner",
    "provider",
    "telemetry",
    "deployer",
    "check-pack",
    "check-runner",
  ]);
});

test("the pack suite passes on the demo, and says what a tampered, an unsigned and a torn one lack", async () => {
  verifies("conformance.suites");
  const { code, report } = await judge(demo, "pack", PACK);
  expect(notPassed(report)).toEqual([]);
  expect({ code, suite: report.suite, target: report.target, ok: report.ok }).toEqual({
    code: 0,
    suite: "pack",
    target: PACK,
    ok: true,
  });
  expect(report.cases[0]).toEqual({
    id: "pack.opens",
    title: expect.any(String),
    status: "pass",
    durationMs: expect.any(Number),
  });
  await gtc(demo, ["pack", "build", ".", "-o", "unsigned.gtpack"]);
  const unsigned = await judge(demo, "pack", "unsigned.gtpack");
  expect(unsigned.code).toBe(2);
  expect(notPassed(unsigned.report)).toEqual(["fail pack.signature"]);
  expect(caseOf(unsigned.report, "pack.signature").reason).toContain("PACK_UNSIGNED");
  const allowed = await judge(demo, "pack", "unsigned.gtpack", "--allow-unsigned");
  expect([allowed.code, notPassed(allowed.report)]).toEqual([0, ["skip pack.signature"]]);
  const bytes = readFileSync(join(demo, PACK));
  const torn = await judgePack(bytes.subarray(0, bytes.length - 9), { target: "torn", nowMs: Date.now() });
  expect(torn.ok).toBe(false);
  expect(caseOf(torn, "pack.opens")).toMatchObject({ status: "fail", reason: expect.stringMatching(/^PACK_ZIP_/) });
  expect(caseOf(torn, "pack.flows").status).toBe("skip");
  const missing = await gtc(demo, ["conformance", "pack", "nothing.gtpack", "--json"]);
  expect(missing).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining("CLI_FILE_MISSING") });
});

test("the pack suite names the flow, the component and the asset that break a pack", async () => {
  verifies("conformance.suites");
  const broken = join(demo, "broken");
  for (const name of ["assets", "flows", "components", "pack.yaml"])
    cpSync(join(demo, name), join(broken, name), { recursive: true });
  const flow = readFileSync(join(demo, "flows/on_message.ygtc"), "utf8");
  const manifest = readFileSync(join(demo, "pack.yaml"), "utf8");
  const built = async (flowText: string, manifestText = manifest): Promise<readonly string[]> => {
    writeFileSync(join(broken, "flows/on_message.ygtc"), flowText);
    writeFileSync(join(broken, "pack.yaml"), manifestText);
    const { code, stderr } = await gtc(broken, ["pack", "build", ".", "-o", "b.gtpack"]);
    expect(code, stderr).toBe(0);
    const { report } = await judge(broken, "pack", "b.gtpack", "--allow-unsigned");
    return notPassed(report).filter((line) => !line.endsWith("pack.signature"));
  };
  expect(await built(flow.replace("weather.forecast", "weather.forecasts"))).toEqual(["fail pack.flows"]);
  expect(await built(flow, manifest.replace(/ {6}http: .*\n/, ""))).toEqual(["fail pack.components"]);
});

test("the flow suite holds doctor and recorded conversations to the source, and names what goes otherwise", async () => {
  verifies("conformance.suites");
  const { code, report } = await judge(demo, "flow", ".");
  expect([code, notPassed(report)]).toEqual([0, []]);
  expect(report.cases.map(({ id }) => id)).toEqual([
    "flow.found",
    "flow.doctor:on_message",
    "flow.files",
    "flow.conversation:tests/understood.test.yaml",
    "flow.conversation:tests/weather.test.yaml",
  ]);
  mkdirSync(join(demo, "wrong"));
  writeFileSync(join(demo, "wrong/w.test.yaml"), "steps:\n  - says: /weather\n    expects: { text: Goodbye }\n");
  const wrong = await judge(demo, "flow", PACK, "--tests", "wrong");
  expect([wrong.code, notPassed(wrong.report)]).toEqual([2, ["fail flow.conversation:w.test.yaml"]]);
  expect(caseOf(wrong.report, "flow.conversation:w.test.yaml").reason).toMatch(
    /^wrong\/w\.test\.yaml:3:\d+: step 1: text differs, expected "Goodbye", got /,
  );
  writeFileSync(
    join(demo, "wrong/bad.ygtc"),
    "id: bad\ntype: messaging\nnodes:\n  a: { message.send: {} , routing: [{ to: b }] }\n",
  );
  const bad = await judge(demo, "flow", "wrong/bad.ygtc");
  expect([bad.code, notPassed(bad.report)]).toEqual([
    2,
    ["fail flow.doctor:bad", "skip flow.files", "skip flow.conversation"],
  ]);
  expect((await gtc(demo, ["conformance", "flow", "nowhere"])).code).toBe(3);
});

test(
  "the telemetry suite passes on what the demo's host exports, and names the promise that a span breaks",
  { timeout: 60_000 },
  async () => {
    verifies("conformance.suites", "observability.conformance");
    const received: string[] = [];
    const collector = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (request.url === "/v1/traces") received.push(Buffer.concat(chunks).toString("utf8"));
        response.setHeader("content-type", "application/json").end("{}");
      });
    });
    await new Promise<void>((ready) => collector.listen(0, "127.0.0.1", ready));
    const host = await startHostProcess(".", {
      cwd: demo,
      args: ["--port", "0", "--data", join(demo, "data")],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}` },
    });
    const person = new DirectLineClient(() => host.url);
    await person.open();
    await person.say("/weather");
    await person.until(1);
    expect(await host.stop()).toBe(0);
    await new Promise((closed) => collector.close(closed));
    mkdirSync(join(demo, "exports"));
    const exports = received.map((body, n) => {
      writeFileSync(join(demo, `exports/${n}.json`), body);
      return { name: `${n}.json`, text: body };
    });
    const { code, report } = await judge(demo, "telemetry", "exports");
    expect([code, notPassed(report)]).toEqual([0, []]);
    const lines = [{ name: "all.jsonl", text: exports.map(({ text }) => text).join("\n") }];
    expect((await judgeTelemetry(lines, { target: "all" })).ok).toBe(true);
    const broken = async (change: (text: string) => string): Promise<readonly string[]> =>
      notPassed(
        await judgeTelemetry(
          exports.map(({ name, text }) => ({ name, text: change(text) })),
          { target: "broken" },
        ),
      );
    expect(await broken((text) => text.replaceAll('"key":"tenant"', '"key":"who"'))).toEqual([
      "fail telemetry.attributes",
      "fail telemetry.confined",
    ]);
    expect(await broken((text) => text.replaceAll('"service.name"', '"service.title"'))).toEqual([
      "fail telemetry.resource",
    ]);
    expect(await broken((text) => text.replaceAll(/"endTimeUnixNano":"\d+"/g, '"endTimeUnixNano":"1"'))).toEqual([
      "fail telemetry.times",
    ]);
    expect(await broken((text) => text.slice(1))).toContain("fail telemetry.json");
    // What isn't an export at all is a verdict, too, however it is wrong.
    for (const odd of [
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","traceId":"b","spanId":"c","startTimeUnixNano":"1","endTimeUnixNano":"1","attributes":"x"}]}]}]}',
      "null",
      "[]",
    ])
      expect((await judgeTelemetry([{ name: "odd.json", text: odd }], { target: "odd" })).ok).toBe(false);
  },
);

test("the deployer suite renders and applies twice, far from every service manager, and fails where it can't", async () => {
  verifies("conformance.suites", "deploy.render", "deploy.idempotent");
  writeFileSync(
    join(demo, "deploy.toml"),
    'name = "weather"\nimage = "registry.example.com/acme/weather:1.0.0"\n[serverless]\nplatform = "cloud-run"\nregion = "europe-west1"\n',
  );
  const { code, report } = await judge(demo, "deployer", ".");
  expect(notPassed(report)).toEqual(["skip deployer.apply:container"]);
  expect(code).toBe(0);
  expect(report.cases.filter(({ status }) => status === "pass").map(({ id }) => id)).toEqual([
    "deployer.render:desktop",
    "deployer.apply:desktop",
    "deployer.render:container",
    "deployer.render:serverless",
    "deployer.apply:serverless",
    "deployer.render:kubernetes",
    "deployer.apply:kubernetes",
  ]);
  // The home of this machine is the demo's directory: no unit was written there, and no revision noted.
  expect([".config", ".greentic", "deploy"].filter((name) => existsSync(join(demo, name)))).toEqual([]);
  writeFileSync(join(demo, "deploy.toml"), "");
  const asked = await judge(demo, "deployer", ".", "--target", "kubernetes");
  expect([asked.code, caseOf(asked.report, "deployer.render:kubernetes")]).toMatchObject([
    2,
    { status: "fail", reason: expect.stringContaining("DEPLOYER_SETTING_MISSING") },
  ]);
});

test("the deployer suite names the target that renders by chance, and the one that is never done", async () => {
  verifies("conformance.suites");
  const judged = async (change: Partial<Target>): Promise<readonly string[]> => {
    const desktop = findTarget("desktop");
    const deployment = makeDeployment();
    const target = { ...desktop, ...change };
    return notPassed(
      await judgeDeployer([{ target, open: async () => deployment }], { target: "x", nowMs: Date.now() }),
    );
  };
  let n = 0;
  expect(await judged({})).toEqual([]);
  expect(await judged({ render: () => new Map([["a.service", String(n++)]]) })).toEqual([
    "fail deployer.render:desktop",
    "fail deployer.apply:desktop",
  ]);
  expect(await judged({ drift: async () => ["a.service"] })).toEqual(["fail deployer.apply:desktop"]);
});

test("the component suite passes on the demo's tool, and fails on what is none, and on a case that comes out otherwise", async () => {
  verifies("conformance.suites");
  const { code, report } = await judge(demo, "component", "components/forecast.wasm");
  expect([code, notPassed(report)]).toEqual([0, ["skip component.case"]]);
  const none = await judgeComponent(Buffer.from("no component"), { target: "none" });
  expect(none.cases.map(({ status }) => status)).toEqual(["fail", "skip", "skip", "skip", "skip", "skip"]);
  const differs = await judgeComponent(readFileSync(join(demo, "components/forecast.wasm")), {
    target: "differs",
    cases: [{ name: "wrong", test: { operation: "forecast", input: {} }, output: "sunny" }],
  });
  expect(notPassed(differs)).toEqual(["fail component.case:wrong"]);
});

test("the provider suite says of a pack without a channel that it serves none", async () => {
  verifies("conformance.suites");
  const { code, report } = await judge(demo, "provider", PACK);
  expect([code, report.ok]).toEqual([2, false]);
  expect(report.cases.slice(0, 2).map(({ id, status }) => [id, status])).toEqual([
    ["provider.opens", "pass"],
    ["provider.parts", "fail"],
  ]);
});
