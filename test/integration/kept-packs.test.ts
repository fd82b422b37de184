import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CONSOLE_CHANNEL, openHost } from "../../src/cli/host.ts";
import type { Host } from "../../src/cli/host.ts";
import { loadConfig } from "../../src/config/index.ts";
import { openBundle } from "../../src/deployer/index.ts";
import { receiveConsole } from "../../src/messaging/index.ts";
import { DEFAULT_TEAM, tenantId } from "../../src/types/index.ts";
import { openShell } from "../e2e/shell.ts";
import type { Shell } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";

async function build(shell: Shell, version: string): Promise<void> {
  mkdirSync(join(shell.dir, "source/flows"), { recursive: true });
  mkdirSync(join(shell.dir, "packs"), { recursive: true });
  const write = (path: string, text: string): void => writeFileSync(join(shell.dir, path), text);
  write(
    "source/pack.toml",
    `[pack]\nname = "desk"\nversion = "${version}"\n[capabilities]\nid = "greentic.cap.app.v1"\n[flows]\nmain = "flows/main.ygtc"\n`,
  );
  write(
    "source/flows/main.ygtc",
    `id: main\ntype: messaging\nnodes:\n  ask: { qa: { questions: [{ id: name, prompt: "${version}?" }] }, routing: [{ to: hello }] }\n  hello: { message.send: { text: "${version} greets {{ask.answers.name}}" }, routing: out }\n`,
  );
  expect(await shell.run("gtc pack build source -o desk.gtpack")).toMatchObject({ code: 0 });
  cpSync(join(shell.dir, "desk.gtpack"), join(shell.dir, "packs/desk.gtpack"));
}

let id = 0;

async function start(shell: Shell): Promise<{ readonly host: Host; readonly say: (text: string) => Promise<string> }> {
  const config = loadConfig({ cwd: shell.dir, environment: {}, flags: { tenant: "acme", env: "test" } });
  const host = await openHost({
    config: { ...config, security: { ...config.security, rejectUnsigned: false } },
    bundle: await openBundle(shell.dir),
    environment: {},
    warn: () => undefined,
  });
  host.runtime.start();
  const scope = { env: config.env, tenant: tenantId("acme"), team: DEFAULT_TEAM };
  const provider = host.runtime.channel(scope, CONSOLE_CHANNEL);
  if (provider === undefined) throw new Error("no console");
  const say = async (text: string): Promise<string> => {
    const message = receiveConsole(provider.address, { text }, { session: "one", id: String(id++) });
    const report = await host.runtime.request(provider, message, { timeoutMs: 20_000 });
    return report.error?.code ?? report.reply.map((reply) => reply.text).join(" ");
  };
  return { host, say };
}

const bundleOf = (pinned: string): string =>
  `tenant: acme\napps:\n  desk: { pack: packs/desk.gtpack, pinned: ${pinned} }\n`;

test.each([
  ["finish", "1.0.0 greets Ann"],
  ["migrate", "1.1.0 greets Ann"],
  ["stop", "RUNNER_PACK_GONE"],
])("a flow that waited while its pack was replaced and the host restarted: %s", async (pinned, outcome) => {
  verifies("pinned.restart", "pinned.policy.bundle");
  const shell = openShell();
  await build(shell, "1.0.0");
  writeFileSync(join(shell.dir, "greentic.demo.yaml"), bundleOf(pinned));
  const first = await start(shell);
  expect(await first.say("hi")).toBe("1.0.0?");
  await first.host[Symbol.asyncDispose]();
  await build(shell, "1.1.0");
  const second = await start(shell);
  // While the flow waits; afterwards a sweep may let its version go.
  if (pinned === "finish") {
    const kept = readdirSync(join(shell.dir, ".greentic/kept"));
    expect(kept.filter((name) => name.endsWith(".gtpack"))).toHaveLength(2);
  }
  expect(await second.say("Ann")).toBe(outcome);
  await second.host[Symbol.asyncDispose]();
});

test("kept bytes that were changed don't run: what waits on them is stopped", async () => {
  verifies("pinned.restart");
  const shell = openShell();
  await build(shell, "1.0.0");
  writeFileSync(join(shell.dir, "greentic.demo.yaml"), bundleOf("finish"));
  const first = await start(shell);
  expect(await first.say("hi")).toBe("1.0.0?");
  await first.host[Symbol.asyncDispose]();
  const kept = join(shell.dir, ".greentic/kept");
  const [old = ""] = readdirSync(kept).filter((name) => name.endsWith(".gtpack"));
  await build(shell, "1.1.0");
  // Somebody puts another pack in the place of the one that was verified.
  cpSync(join(shell.dir, "desk.gtpack"), join(kept, old));
  const second = await start(shell);
  expect(await second.say("Ann")).toBe("RUNNER_PACK_GONE");
  await second.host[Symbol.asyncDispose]();
});
