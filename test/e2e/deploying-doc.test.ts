import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { blocksOf } from "./doc-blocks.ts";
import { startHostProcess } from "./host-process.ts";
import { openShell, ROOT } from "./shell.ts";

interface Conversation {
  readonly conversationId: string;
  readonly token: string;
}

/** Says hello to a tenant's worker; returns what is answered. */
async function greet(base: string): Promise<unknown> {
  const post = async (path: string, token?: string, body: object = {}): Promise<unknown> => {
    const response = await fetch(base + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
    expect(response.ok, `${path} ${response.status}`).toBe(true);
    return response.json();
  };
  const { token } = (await post("/tokens/generate")) as Conversation;
  const opened = (await post("/conversations", token)) as Conversation;
  const place = `/conversations/${opened.conversationId}/activities`;
  await post(place, opened.token, { type: "message", text: "hello", from: { id: "ada" } });
  let said: unknown;
  await expect
    .poll(
      async () => {
        const response = await fetch(base + place, { headers: { authorization: `Bearer ${opened.token}` } });
        const { activities } = (await response.json()) as {
          readonly activities: readonly {
            readonly type: string;
            readonly from: { readonly role?: string };
            readonly text?: string;
          }[];
        };
        said = activities.find(({ type, from }) => type === "message" && from.role === "bot");
        return said !== undefined;
      },
      { timeout: 60_000 },
    )
    .toBe(true);
  return said;
}

test(
  "from an empty directory to a second tenant with its own secrets and policy, as docs/deploying.md says",
  { timeout: 240_000 },
  async () => {
    verifies("deploy.second-tenant", "deploy.units");
    const shell = openShell();
    const [block] = blocksOf(readFileSync(join(ROOT, "docs/deploying.md"), "utf8")).filter(
      ({ language }) => language === "sh",
    );
    const commands = (block?.text ?? "").trim().split("\n");
    // With `gtc start`.
    expect(commands.length + 1).toBeLessThan(10);
    const begunMs = performance.now();
    for (const command of commands) {
      const said = await shell.run(command);
      expect(said, `${command}\n${said.stderr}`).toMatchObject({ code: 0 });
    }
    process.stderr.write(`${commands.length} commands in ${Math.round((performance.now() - begunMs) / 100) / 10} s\n`);
    const out = async (command: string): Promise<readonly [number, string]> => {
      const { code, stdout } = await shell.run(command);
      return [code, stdout.trim()];
    };
    expect(await out("gtc secrets get api_key --category greeter --tenant acme")).toEqual([0, "first-key"]);
    expect(await out("gtc secrets get api_key --category greeter --tenant globex")).toEqual([0, "other-key"]);
    const asked = (tenant: string): string =>
      `gtc policy test . --question '{"point":"ingress","tenant":"${tenant}","channel":"webhook"}'`;
    expect((await out(asked("globex")))[0]).toBe(4);
    expect((await out(asked("acme")))[0]).toBe(0);
    expect(await out("greentic-deployer init --tenant globex --add")).toEqual([0, "nothing to do: globex is here"]);

    const host = await startHostProcess(".", { args: ["--port", "0"], cwd: shell.dir });
    try {
      for (const tenant of ["acme", "globex"])
        expect(await greet(`${host.url}/v1/messaging/webchat/${tenant}/v3/directline`)).toMatchObject({
          type: "message",
        });
    } finally {
      expect(await host.stop()).toBe(0);
    }
  },
);
