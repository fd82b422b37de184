import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openVaultStandIn, VAULT_ROLE } from "../stand-ins/vault.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import { openShell } from "./shell.ts";

interface Report {
  readonly ok: boolean;
  readonly places: readonly string[];
  readonly secrets: readonly {
    readonly uri: string;
    readonly place?: string;
    readonly set: string;
    readonly error?: { readonly code: string };
  }[];
}

test("gtc secrets doctor says where each secret is found, in which order, and how to set what is missing", async () => {
  verifies("secrets.doctor");
  await using vault = await openVaultStandIn();
  const dir = await makeChannelBundle({
    flow: CITY_FLOW(["Rome"]),
    providers:
      "  slack: { type: slack }\n  telegram: { type: telegram }\n  orders: { type: webhook-out, config: { url: https://hooks.example.com/x } }\n",
    secrets: { slack: { slack_signing_secret: "0123456789abcdef0123456789abcdef" } },
  });
  mkdirSync(join(dir, "mounted"));
  writeFileSync(join(dir, "mounted/dev.demo._.orders.webhook_secret"), "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\n");
  writeFileSync(join(dir, "role"), `${VAULT_ROLE.role_id}\n`);
  writeFileSync(join(dir, "secret"), `${VAULT_ROLE.secret_id}\n`, { mode: 0o600 });
  writeFileSync(
    join(dir, "greentic.toml"),
    `[security]\nreject_unsigned = false\n[secrets]\nmounted_dir = "mounted"\n[secrets.vault]\nurl = "${vault.url}"\nauth = "approle"\nrole_id_file = "role"\nsecret_id_file = "secret"\n`,
  );
  vault.secrets.set("greentic/dev/demo/_/slack/slack_bot_token", { value: "xoxb-of-the-vault" });
  const shell = openShell();
  const doctor = async (): Promise<{ readonly code: number; readonly report: Report; readonly said: string }> => {
    const { code, stdout, stderr } = await shell.run(`gtc secrets doctor ${dir} --data ${join(dir, "data")} --json`);
    return { code, report: JSON.parse(stdout) as Report, said: stdout + stderr };
  };
  const first = await doctor();
  expect(first.code).toBe(2);
  expect(first.report.places).toEqual(["environment", "mounted", "vault", "sealed", "file"]);
  expect(Object.fromEntries(first.report.secrets.map(({ uri, place }) => [uri, place ?? null]))).toEqual({
    "secrets://dev/demo/_/slack/slack_bot_token": "vault",
    "secrets://dev/demo/_/slack/slack_signing_secret": "file",
    "secrets://dev/demo/_/telegram/telegram_bot_token": null,
    "secrets://dev/demo/_/orders/webhook_secret": "mounted",
  });
  expect(first.said).not.toMatch(/xoxb-of-the-vault|whsec_M|secret-1|0123456789abcdef/);
  const missing = first.report.secrets.find(({ place }) => place === undefined);
  const set = await shell.run(`cd ${dir} && GREENTIC_DATA_DIR=${join(dir, "data")} ${missing?.set}`, {
    input: "123456:AAE-stand-in_token-0123456789abcdef",
  });
  expect([set.code, set.stderr]).toEqual([0, expect.anything()]);
  expect((await doctor()).report.ok).toBe(true);
  vault.isSealed = true;
  const sealed = await doctor();
  expect(sealed.code).toBe(2);
  expect(sealed.report.secrets.map(({ error }) => error?.code)).toContain("SECRETS_BACKEND_UNAVAILABLE");
  rmSync(dir, { recursive: true });
});
