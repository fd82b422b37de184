import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import { startHostProcess } from "./host-process.ts";
import { openShell } from "./shell.ts";

const RULES = `
[[policy.rules]]
id = "no-payments-on-slack"
at = ["tool"]
when = 'tool.startsWith("payments.") && channel == "slack"'
message = "payments are made in the web chat"
[policy.network.packs.weather]
domains = ["api.open-meteo.com"]
`;

test("gtc policy check lists rules with their places, gtc policy test says which one decides and why", async () => {
  verifies("policy.cli");
  const dir = mkdtempSync(join(tmpdir(), "greentic-policy-"));
  try {
    const shell = openShell();
    const write = (text: string): void => writeFileSync(join(dir, "greentic.toml"), text);
    const ask = async (question: object): Promise<readonly [number, unknown]> => {
      const { code, stdout } = await shell.run(
        `cd ${dir} && gtc policy test --json --question '${JSON.stringify(question)}'`,
      );
      return [code, code === 0 || code === 4 ? JSON.parse(stdout) : undefined];
    };
    write(RULES);
    const checked = await shell.run(`cd ${dir} && gtc policy check`);
    expect([checked.code, checked.stdout]).toEqual([
      0,
      expect.stringContaining("greentic.toml:5:1  deny no-payments-on-slack at tool: tool.startsWith"),
    ]);
    expect(checked.stdout).toContain("network.packs.weather  domains api.open-meteo.com");
    expect(await ask({ point: "tool", tool: "payments.send", channel: "slack" })).toEqual([
      4,
      { kind: "deny", rule: "no-payments-on-slack", message: "payments are made in the web chat" },
    ]);
    expect(await ask({ point: "component.http", pack: "weather", url: "https://evil.test/x" })).toEqual([
      4,
      { kind: "deny", rule: "network.packs.weather", message: "host evil.test isn't on the list" },
    ]);
    expect(await ask({ point: "tool", tool: "payments.send" })).toEqual([0, { kind: "allow" }]);
    expect((await ask({ point: "tools" }))[0]).toBe(2);
    expect((await ask({ point: "tool", tol: "x" }))[0]).toBe(2);
    write(RULES.replace("channel ==", "chanel =="));
    const wrong = await shell.run(`cd ${dir} && gtc policy check`);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/Unknown variable: chanel, at character 33[^]*greentic\.toml:5:1/),
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

const HOOK = "id: hook\ntype: webhook\nnodes:\n  done: { template.render: { template: done }, routing: reply }\n";

test("a host answers 429 with the time where a quota is used up, 403 where a rule denies, and keeps both in its audit", async () => {
  verifies("quota.turns", "policy.points", "policy.events", "policy.reload");
  const dir = await makeChannelBundle({
    flow: CITY_FLOW(["Rome"]),
    more: { hook: HOOK },
    providers: "  webchat: { type: webchat }\n",
    secrets: {},
  });
  appendFileSync(
    join(dir, "greentic.toml"),
    `[quota.tenants.demo]\nturns_per_minute = 8\n[[policy.rules]]\nid = "no-chat"\nat = ["ingress"]\nwhen = 'channel == "webchat"'\n`,
  );
  const host = await startHostProcess(".", { cwd: dir, args: ["--port", "0", "--data", "data"] });
  try {
    const hook = (): Promise<Response> => fetch(`${host.url}/v1/webhook/demo/hook`, { method: "POST", body: "{}" });
    const answers = [await hook(), await hook(), await hook()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    const wait = Number(answers[2]?.headers.get("retry-after"));
    expect([wait > 0, wait <= 8]).toEqual([true, true]);
    expect(await answers[2]?.json()).toMatchObject({ error: { code: "POLICY_QUOTA_EXCEEDED" } });
    const chat = `${host.url}/v1/messaging/webchat/demo/v3/directline`;
    const begin = async (path: string, token: string): Promise<{ token: string; conversationId: string }> =>
      (await (
        await fetch(`${chat}${path}`, {
          method: "POST",
          headers: token === "" ? {} : { authorization: `Bearer ${token}` },
        })
      ).json()) as { token: string; conversationId: string };
    const { token } = await begin("/tokens/generate", "");
    const { conversationId } = await begin("/conversations", token);
    const said = await fetch(`${chat}/conversations/${conversationId}/activities`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ type: "message", text: "my-secret-text", from: { id: "x" } }),
    });
    expect(said.status).toBe(403);

    // The file decides while the host runs, and what is wrong in it changes nothing.
    const file = join(dir, "greentic.toml");
    const settings = readFileSync(file, "utf8");
    writeFileSync(
      file,
      settings.replace("turns_per_minute = 8", "turns_per_minute = 80_000").replace("channel ==", "chanel =="),
    );
    await expect.poll(() => host.said.join("\n"), { timeout: 10_000 }).toContain("greentic.toml:");
    expect((await hook()).status).toBe(429);
    writeFileSync(file, settings.replace("turns_per_minute = 8", "turns_per_minute = 80_000"));
    await expect.poll(async () => (await hook()).status, { timeout: 10_000, interval: 200 }).toBe(200);
    expect(host.said.join("\n")).toContain("policy changed");
  } finally {
    expect(await host.stop()).toBe(0);
  }
  const { stdout } = await openShell().run(`cd ${dir} && gtc audit list --data data --json`);
  expect(stdout).toContain("quota.turns_per_minute");
  expect(stdout).toContain("no-chat");
  expect(stdout).toContain("policy.changed");
  expect(stdout + host.said.join("")).not.toContain("my-secret-text");
  rmSync(dir, { recursive: true });
});

const KEEP = `id: keep
type: webhook
nodes:
  keep:
    state.set: { key: big, value: "{{in.text}}" }
    routing: [{ on: error, to: full }, { to: kept }]
  full: { template.render: { template: "{{keep.error.code}}" }, routing: reply }
  kept: { template.render: { template: kept }, routing: reply }
`;

test("a host keeps a tenant's state and files within its stored bytes, and tells flows and people what there is no room for", async () => {
  verifies("quota.stored-bytes", "policy.events");
  const dir = await makeChannelBundle({
    flow: CITY_FLOW(["Rome"]),
    more: { keep: KEEP },
    providers: "  webchat: { type: webchat }\n",
    secrets: {},
  });
  appendFileSync(join(dir, "greentic.toml"), `[quota.tenants.demo]\nstored_bytes = 10_000\n`);
  const host = await startHostProcess(".", { cwd: dir, args: ["--port", "0", "--data", "data"] });
  try {
    const keep = async (text: string): Promise<unknown> => {
      const url = `${host.url}/v1/webhook/demo/keep`;
      return (await fetch(url, { method: "POST", body: JSON.stringify({ text }) })).json();
    };
    expect(JSON.stringify(await keep("a".repeat(7_000)))).toContain("kept");
    expect(JSON.stringify(await keep("b".repeat(7_000)))).toContain("POLICY_QUOTA_EXCEEDED");
    const chat = `${host.url}/v1/messaging/webchat/demo/v3/directline`;
    const { token, conversationId } = (await (await fetch(`${chat}/tokens/generate`, { method: "POST" })).json()) as {
      token: string;
      conversationId: string;
    };
    const authorization = `Bearer ${token}`;
    await fetch(`${chat}/conversations`, { method: "POST", headers: { authorization } });
    const upload = await fetch(`${chat}/conversations/${conversationId}/upload?userId=x`, {
      method: "POST",
      headers: { authorization, "content-type": "text/plain", "content-disposition": 'attachment; filename="a.txt"' },
      body: "c".repeat(5_000),
    });
    expect(upload.status).toBe(200);
    const activities = await fetch(`${chat}/conversations/${conversationId}/activities`, {
      headers: { authorization },
    });
    expect(JSON.stringify(await activities.json())).toContain("POLICY_QUOTA_EXCEEDED");
  } finally {
    expect(await host.stop()).toBe(0);
  }
  const { stdout } = await openShell().run(`cd ${dir} && gtc audit list --data data --json`);
  expect(stdout.match(/quota\.stored_bytes/g)?.length).toBeGreaterThanOrEqual(2);
  rmSync(dir, { recursive: true });
});
