import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildComponent, readCases, runCase } from "../../src/component/index.ts";
import { findToolchains } from "../../src/component/authoring/toolchains.ts";
import type { PigeonStandIn } from "../stand-ins/pigeon.ts";
import { openPigeonStandIn } from "../stand-ins/pigeon.ts";
import { verifies } from "../verifies.ts";
import { makeChannelBundle } from "./channel-bundle.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";
import { openShell, ROOT } from "./shell.ts";

const TOKEN = "pigeon-token-0123456789";
const SECRET = "pigeon-secret-0123456789";
const FLOW = `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: grain, prompt: "Which grain?", type: choice, choices: [Wheat, Maize] }
    routing: [{ to: done }]
  done: { message.send: { text: "{{ask.answers.grain}} is on its way." }, routing: out }
`;

const absent = (await findToolchains(ROOT)).filter(
  ({ languages, isPresent }) => !isPresent && languages.includes("typescript"),
);
const shell = openShell();
let pigeon: PigeonStandIn;
let host: HostProcess;
let dir = "";

beforeAll(async () => {
  if (absent.length > 0) return;
  pigeon = await openPigeonStandIn({ name: "pigeon", token: TOKEN, secret: SECRET });
  const run = async (command: string): Promise<void> => {
    const { code, stdout, stderr } = await shell.run(command);
    expect(code, `${command}\n${stdout}${stderr}`).toBe(0);
  };
  await run("gtc new pigeon --template provider");
  mkdirSync(join(shell.dir, "pigeon/components"));
  for (const part of ["ingress", "egress", "operator"]) {
    // As `gtc component test` and `gtc component build` do, with one build for both.
    const source = join(shell.dir, "pigeon/source", part);
    const { bytes } = await buildComponent(source);
    const cases = await readCases(source);
    expect(cases.length).toBeGreaterThan(0);
    for (const one of cases) expect(await runCase(bytes, one)).toMatchObject({ name: one.name, ok: true });
    writeFileSync(join(shell.dir, `pigeon/components/${part}.wasm`), bytes);
  }
  await run("gtc pack build pigeon -o pigeon.gtpack");
  await run("gtc pack validate pigeon.gtpack");
  await run("gtc conformance provider pigeon.gtpack");
  dir = await makeChannelBundle({
    flow: FLOW,
    providers: "  loft: { pack: pigeon.gtpack }\n",
    secrets: { loft: { api_token: TOKEN, webhook_secret: "what-is-new", webhook_secret_previous: SECRET } },
  });
  copyFileSync(join(shell.dir, "pigeon.gtpack"), join(dir, "pigeon.gtpack"));
  host = await startHostProcess(".", {
    cwd: dir,
    args: ["--port", "0", "--data", join(dir, "data")],
    env: { GREENTIC_HTTP_REWRITE: `https://api.pigeon.example=${pigeon.url}` },
  });
}, 300_000);
afterAll(async () => {
  if (absent.length > 0) return;
  await host.kill();
  await pigeon[Symbol.asyncDispose]();
});

const post = async (body: string, headers: Record<string, string>): Promise<readonly [number, string]> => {
  for (;;) {
    const response = await fetch(`${host.url}/v1/messaging/ingress/loft/demo`, { method: "POST", headers, body });
    const text = await response.text();
    // A host that is late says so, and the platform comes again.
    if (response.status !== 503) return [response.status, text];
  }
};
const textsIn = (loft: string): readonly string[] =>
  pigeon.sends.filter((send) => send.loft === loft).map(({ text }) => text);
const say = async (text: string, loft: string): Promise<void> => {
  const body = pigeon.said(text, { loft });
  expect(await post(body, pigeon.sign(body))).toEqual([200, ""]);
};

test.skipIf(absent.length > 0)("a scaffolded provider pack takes a message in and its flow's answer out", async () => {
  verifies("pack.provider", "channels.packs.precedence");
  expect(host.said.join("\n")).toMatch(
    /channel loft is served by pack pigeon 0\.1\.0: ingress by ingress; egress by egress; operator by operator/,
  );
  await say("hello", "7");
  await pigeon.until(() => textsIn("7").length === 1);
  expect(textsIn("7")[0]).toBe("Which grain?\n\n1. Wheat\n2. Maize");
  await say("2", "7");
  await pigeon.until(() => textsIn("7").length === 2);
  expect(textsIn("7")[1]).toBe("Maize is on its way.");
});

test.skipIf(absent.length > 0)("its ingress believes signatures alone, fresh ones, and no bot", async () => {
  verifies("channels.packs.verify");
  const body = pigeon.said("hello", { id: "once", loft: "8" });
  const refused = [401, ""];
  expect(await post(body, {})).toEqual(refused);
  expect(await post(body, pigeon.sign(body, { secret: "guess" }))).toEqual(refused);
  expect(await post(`${body} `, pigeon.sign(body))).toEqual(refused);
  expect(await post(body, pigeon.sign(body, { atMs: Date.now() - 301_000 }))).toEqual(refused);
  expect(await post(body, pigeon.sign(body, { atMs: Date.now() + 302_000 }))).toEqual(refused);
  expect(await post("no json", pigeon.sign("no json"))).toEqual(refused);
  const bot = pigeon.said("hello", { loft: "8", bot: true });
  expect(await post(bot, pigeon.sign(bot))).toEqual([200, ""]);
  expect(await post(body, pigeon.sign(body, { secret: "what-is-new" }))).toEqual([200, ""]);
  expect(await post(body, pigeon.sign(body))).toEqual([200, ""]);
  await pigeon.until(() => textsIn("8").length === 1);
  await say("1", "8");
  await pigeon.until(() => textsIn("8").length === 2);
  expect(textsIn("8")).toEqual(["Which grain?\n\n1. Wheat\n2. Maize", "Wheat is on its way."]);
});

test.skipIf(absent.length > 0)("what the platform doesn't take is tried again under the same key", async () => {
  verifies("channels.packs.fate");
  pigeon.faults.push("429", "500");
  await say("hello", "9");
  await pigeon.until(() => textsIn("9").length === 1);
  pigeon.faults.push("reset-after");
  await say("1", "9");
  // It arrived, nobody knows: the policy of the tenant sends it again, marked by its key.
  await pigeon.until(() => textsIn("9").length === 3);
  const keys = pigeon.sends.filter(({ loft }) => loft === "9").map(({ key }) => key);
  expect(keys[1]).toBe(keys[2]);
  expect(keys[0]).not.toBe(keys[1]);
});

test.skipIf(absent.length > 0)(
  "gtc setup asks what the pack needs and has its component register, once",
  async () => {
    verifies("setup.packs", "setup.idempotent");
    const own = await makeChannelBundle({ flow: FLOW, providers: "  loft: { pack: pigeon.gtpack }\n", secrets: {} });
    copyFileSync(join(shell.dir, "pigeon.gtpack"), join(own, "pigeon.gtpack"));
    const env = { GREENTIC_HTTP_REWRITE: `https://api.pigeon.example=${pigeon.url}`, TOKEN, SECRET };
    const setUp = (args: string): ReturnType<typeof shell.run> =>
      shell.run(`cd ${own} && gtc setup . --data data ${args}`, { env });
    expect(await setUp("--non-interactive")).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/waits for api_token[^]*waits for webhook_secret/),
    });
    writeFileSync(
      join(own, "answers.yaml"),
      "loft:\n  public_base_url: https://chat.example.com\n  api_token: { env: TOKEN }\n  webhook_secret: { env: SECRET }\n",
    );
    const first = await setUp("--answers answers.yaml");
    const url = "https://chat.example.com/v1/messaging/ingress/loft/demo";
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining(`its component registered ${url}`) });
    expect(pigeon.webhook).toEqual({ url, secret: SECRET });
    const second = await setUp("--answers answers.yaml");
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining("unchanged") });
    expect(first.stdout + second.stdout).not.toContain(SECRET);
  },
  300_000,
);
