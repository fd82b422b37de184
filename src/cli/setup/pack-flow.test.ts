import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { filesBelow, openPublicPack } from "../../../test/stand-ins/public-packs.ts";
import { verifies } from "../../../test/verifies.ts";
import { buildPack, openPack, TRUST_NOBODY } from "../../pack/index.ts";
import type { Pack } from "../../pack/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../types/index.ts";
import { runSetupFlow } from "./pack-flow.ts";
import { readPackQuestions } from "./pack-questions.ts";

const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("loft") };
const FLOW = `id: setup_default
type: job
schema_version: 2
start: questions
nodes:
  questions: { describe: { id: loft, spec_ref: assets/setup.yaml }, routing: [{ to: check }] }
  check:
    validate_answers: { answers_json: "{{ state.input.answers_json }}", spec_json: "{{ node.questions }}" }
    routing: [{ condition: "ok == false", to: refused }, { to: apply }]
  refused: { flow.return: { value: "{{ check.errors }}" } }
  apply:
    provision.apply:
      dry_run: "{{ state.input.dry_run }}"
      plan:
        actions:
          - { type: store_config, scope: provider, key: config }
          - { type: store_secret, scope: provider, key: bot_token }
          - { type: register_webhook, scope: provider, key: webhook_url }
    routing: [{ to: summary }]
  summary: { render_text: { config: { template: "Loft is set up.", output_path: text, wrap: true } } }
`;
const SETUP = `title: Loft
questions:
  - { name: public_base_url, title: Address, kind: string, required: true, validate: { regex: "^https://" }, help: where }
  - { name: pace, kind: choice, choices: [slow, fast] }
  - { name: retries, kind: number }
  - { name: loud, kind: bool }
  - { name: bot_token, title: Token, kind: string, required: true, secret: true }
`;

async function packOf(files: Readonly<Record<string, string>>): Promise<Pack> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-setup-pack-"));
  const manifest =
    '[pack]\nname = "loft"\nversion = "1.0.0"\n[capabilities]\nid = "greentic.cap.messaging.provider.v1"\nprovides = ["loft"]\n[secrets]\nrequired = ["LOFT_BOT_TOKEN", "other_key"]\n[flows]\nsetup_default = "flows/setup_default.ygtc"\n';
  for (const [path, text] of Object.entries({ "pack.toml": manifest, "flows/setup_default.ygtc": FLOW, ...files })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  const { bytes } = await buildPack(dir, { probeComponent: () => ({ abi: "none", world: "" }) });
  return openPack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: Date.now() });
}

test("runSetupFlow() runs a pack's set-up flow and gathers what it wants done, with nothing of it done", async () => {
  verifies("setup.packs");
  const pack = await packOf({ "assets/setup.yaml": SETUP });
  const answers = { public_base_url: "https://x.example.com", bot_token: "hunter2" };
  const plan = await runSetupFlow("setup_default", { pack, address, answers, isDryRun: false });
  expect(plan.actions.map(({ type }) => type)).toEqual(["store_config", "store_secret", "register_webhook"]);
  expect(plan.texts).toEqual(["Loft is set up."]);
  const refused = await runSetupFlow("setup_default", { pack, address, answers: { bot_token: "x" }, isDryRun: true });
  expect(refused.actions).toEqual([]);
  const broken = await packOf({
    "flows/setup_default.ygtc":
      "id: setup_default\ntype: job\nschema_version: 2\nnodes:\n  a: { state.get: { key: '{{ in.answers_json }}' } }\n",
  });
  const failure: unknown = await runSetupFlow("setup_default", {
    pack: broken,
    address,
    answers: { t: "hunter2/x" },
    isDryRun: false,
  }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "CLI_SETUP_FLOW_FAILED" });
  expect(String(failure)).not.toContain("hunter2");
});

test("readPackQuestions() takes a pack's questions by the names that its component reads, and what its manifest needs beside", async () => {
  verifies("setup.packs");
  const { settings, secrets, spelled } = await readPackQuestions(
    await packOf({ "assets/setup.yaml": SETUP }),
    undefined,
  );
  expect(settings.map(({ name, isRequired, shape }) => [name, isRequired, shape])).toEqual([
    ["public_base_url", true, undefined],
    ["pace", false, undefined],
    ["retries", false, undefined],
    ["loud", false, "switch"],
  ]);
  expect(
    settings.map(({ form }) => ["https://x", "slow", "7", "true"].map((text) => form?.pattern.test(text) === true)),
  ).toEqual([
    [true, false, false, false],
    [false, true, false, false],
    [false, false, true, false],
    [false, false, false, true],
  ]);
  expect(secrets.map(({ name }) => name)).toEqual(["loft_bot_token", "other_key"]);
  expect([...spelled]).toEqual([["loft_bot_token", "bot_token"]]);
});

const compat = process.env["GREENTIC_COMPAT_DIR"];

describe.skipIf(compat === undefined)("set-up flows of public provider packs (GREENTIC_COMPAT_DIR)", () => {
  test("run, each of them, and say what they want done", async () => {
    verifies("setup.packs");
    const wanted = new Set<string>();
    let count = 0;
    for (const file of filesBelow(compat ?? "", [".gtpack"]).filter((path) =>
      /packs\/messaging-\w+\.gtpack$/.test(path),
    )) {
      const pack = await openPublicPack(file);
      for (const flow of [
        "setup_default",
        "update",
        "remove",
        "verify_webhooks",
        "rotate_credentials",
        "sync_subscriptions",
      ]) {
        if (!pack.flows.has(flow)) continue;
        const { actions } = await runSetupFlow(flow, {
          pack,
          address,
          answers: { public_base_url: "https://x.example.com" },
          isDryRun: true,
        });
        for (const { type } of actions) wanted.add(`${flow} ${type}`);
        count++;
      }
    }
    process.stdout.write(`public set-up flows: ${count} run; ${[...wanted].toSorted().join(", ")}\n`);
    expect(count).toBeGreaterThan(0);
    expect([...wanted]).toContain("setup_default register_webhook");
  }, 300_000);
});
