import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
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
