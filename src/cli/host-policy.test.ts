import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { Bundle } from "../config/index.ts";
import { directoryFiles, keepTimesOf, loadConfig } from "../config/index.ts";
import { createMachineWorld } from "../runner/index.ts";
import type { AuditLog, TurnEvent } from "../telemetry/index.ts";
import { memoryAuditLog } from "../telemetry/index.ts";
import { envId, GreenticError, tenantId } from "../types/index.ts";
import { HostPolicy } from "./host-policy.ts";

const RULE = (id: string, when: string): string => `[[policy.rules]]\nid = "${id}"\nat = ["send"]\nwhen = '${when}'\n`;

async function openPolicy(toml: string, audit: AuditLog = memoryAuditLog()) {
  const dir = mkdtempSync(join(tmpdir(), "greentic-host-policy-"));
  const file = join(dir, "greentic.toml");
  writeFileSync(file, toml);
  mkdirSync(join(dir, "bundle/tenants/acme"), { recursive: true });
  const bundle = { files: directoryFiles(join(dir, "bundle")) } as Bundle;
  const events: TurnEvent[] = [];
  const policy = await HostPolicy.open({
    config: loadConfig({ cwd: dir, environment: {} }),
    environment: {},
    bundle: () => bundle,
    readBundle: () => Promise.resolve(bundle),
    world: createMachineWorld(),
    buckets: { takeTokens: () => Promise.resolve(0) },
    keepers: [],
    audit,
    observe: (event) => events.push(event),
  });
  const send = (channel: string): string => {
    try {
      void policy.gate.check({ point: "send", env: envId("dev"), tenant: tenantId("acme"), channel });
      return "allowed";
    } catch (error) {
      return String((error as GreenticError).details?.["rule"]);
    }
  };
  const counts = () => ({
    slack: send("slack"),
    teams: send("teams"),
    turns: policy.quotas.of("acme").turnsPerMinute,
    letters: keepTimesOf(policy.retention, "acme").deadLettersMs,
  });
  return { dir, file, policy, events, counts };
}

test("HostPolicy.reload() takes rules, quotas and times of now, on record and told, and nothing where nothing changed", async () => {
  verifies("policy.reload");
  const audit = memoryAuditLog();
  const { dir, file, policy, events, counts } = await openPolicy(RULE("no-slack", 'channel == "slack"'), audit);
  expect(counts()).toEqual({ slack: "no-slack", teams: "allowed", turns: undefined, letters: undefined });
  const first = await policy.reload();
  const changes = audit.entries.filter(({ action }) => action === "policy.changed");
  expect([first.changed, changes, events.length]).toEqual([[], [], 1]);

  writeFileSync(
    file,
    `${RULE("no-teams", 'channel == "teams"')}[quota]\nturns_per_minute = 60\n[retention]\ndead_letters_days = 1\n`,
  );
  const second = await policy.reload();
  expect(second.changed).toEqual(["policy", "quota", "retention"]);
  expect(counts()).toEqual({ slack: "allowed", teams: "no-teams", turns: 60, letters: 86_400_000 });
  expect(policy.rules.map(({ id }) => id)).toEqual(["no-teams"]);
  expect(audit.entries.filter(({ action }) => action === "policy.changed")).toMatchObject([
    { actor: "host", outcome: "allowed", target: `policy, quota, retention sha256:${second.digest}`, env: "dev" },
  ]);
  expect(events.find(({ kind }) => kind === "policy.changed")).toMatchObject({
    outcome: "changed",
    sections: "policy, quota, retention",
  });

  writeFileSync(join(dir, "bundle/tenants/acme/policy.toml"), RULE("own", 'channel == "slack"').replace("policy.", ""));
  expect((await policy.reload()).changed).toEqual(["bundle"]);
  expect(counts().slack).toBe("own");
  // A comment above a rule changes where it stands and nothing that it says.
  writeFileSync(file, `# ours\n${RULE("no-teams", 'channel == "teams"')}`);
  await policy.reload();
  expect((await policy.reload()).changed).toEqual([]);
  appendFileSync(file, "# more\n");
  expect((await policy.reload()).changed).toEqual([]);
  expect(policy.rules[0]?.place.line).toBe(5);
});

test.each([
  ["a rule that doesn't compile", RULE("bad", 'chanel == "slack"'), "POLICY_EXPRESSION_INVALID", "greentic.toml:8:1"],
  ["a value that isn't one", '[retention]\nsessions_days = "long"\n', "CONFIG_VALUE_INVALID", "greentic.toml:6:1"],
  ["half a file", "[[policy.ru", "CONFIG_SYNTAX_INVALID", "greentic.toml:5:3"],
])("HostPolicy.reload() takes nothing of %s, and says where", async (_what, bad, code, place) => {
  verifies("policy.reload");
  const audit = memoryAuditLog();
  const { file, policy, events, counts } = await openPolicy(RULE("no-slack", 'channel == "slack"'), audit);
  const before = counts();
  writeFileSync(file, `[quota]\nturns_per_minute = 7\n\n\n${bad}`);
  await expect(policy.reload()).rejects.toMatchObject({ code });
  expect(counts()).toEqual(before);
  expect(audit.entries.filter(({ action }) => action === "policy.changed")).toMatchObject([
    { outcome: "failed", target: place, code },
  ]);
  expect(events.find(({ kind }) => kind === "policy.changed")).toMatchObject({ outcome: "refused", errorCode: code });
  writeFileSync(file, "[quota]\nturns_per_minute = 7\n");
  expect((await policy.reload()).changed).toEqual(["policy", "quota"]);
  expect(counts()).toMatchObject({ slack: "allowed", turns: 7 });
});

test("HostPolicy.reload() changes nothing that can't be put on record", async () => {
  verifies("policy.reload", "audit.failed");
  const audit: AuditLog = {
    ...memoryAuditLog(),
    record: () => Promise.reject(new GreenticError("TELEMETRY_AUDIT_FAILED", "Write audit log: ENOSPC")),
  };
  const { file, policy, counts } = await openPolicy(RULE("no-slack", 'channel == "slack"'), audit);
  const before = counts();
  writeFileSync(file, "[quota]\nturns_per_minute = 7\n");
  await expect(policy.reload()).rejects.toMatchObject({ code: "TELEMETRY_AUDIT_FAILED" });
  expect(counts()).toEqual(before);
});
