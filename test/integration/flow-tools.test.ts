import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openShell, ROOT } from "../e2e/shell.ts";
import type { Shell } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";

/** A shell with a new pack in `app`. */
async function withPack(): Promise<Shell> {
  const shell = openShell();
  expect(await shell.run("gtc new app")).toMatchObject({ code: 0 });
  return shell;
}

function edit(shell: Shell, path: string, change: (text: string) => string): void {
  const file = join(shell.dir, path);
  writeFileSync(file, change(readFileSync(file, "utf8")));
}

test("gtc flow doctor checks a pack's source as a whole, with places in the source", { timeout: 60_000 }, async () => {
  verifies("flow.doctor.pack", "flow.doctor.sarif");
  const shell = await withPack();
  expect(await shell.run("gtc flow doctor app")).toMatchObject({
    code: 0,
    stdout: "app/flows/on_message.ygtc  on_message  ok\n",
  });

  edit(shell, "app/assets/i18n/en.json", (text) => text.replace('"bye"', '"by"'));
  edit(shell, "app/assets/cards/greeting.json", (text) => text.replace('"TextBlock"', '"TextBlok"'));
  mkdirSync(join(shell.dir, "app/components"));
  const forecast = join(ROOT, "examples/weather-demo/components/forecast.wasm");
  cpSync(forecast, join(shell.dir, "app/components/forecast.wasm"));
  writeFileSync(join(shell.dir, "app/assets/toolmap.json"), '{"tools":[{"name":"weather","component":"forcast"}]}');
  edit(shell, "app/pack.toml", (text) =>
    text.replace(
      "[assets]",
      '[components.forecast]\npath = "components/forecast.wasm"\n[components.forecast.grants]\nsecrets = ["key"]\n\n[assets]\nmap = "assets/toolmap.json"',
    ),
  );
  const said = await shell.run("gtc flow doctor app --json");
  expect(said.code).toBe(2);
  const { ok, flows, files } = JSON.parse(said.stdout) as {
    ok: boolean;
    flows: readonly Check[];
    files: readonly Check[];
  };
  expect(ok).toBe(false);
  expect([...flows, ...files].flatMap(({ findings }) => findings.map(brief))).toEqual([
    "error FLOW_I18N_KEY_MISSING app/flows/on_message.ygtc:23",
    "error FLOW_CARD_INVALID app/assets/cards/greeting.json:4",
    "info FLOW_I18N_KEY_UNUSED app/assets/i18n/en.json:4",
    "error COMPONENT_IMPORT_UNGRANTED app/components/forecast.wasm:1",
    "error COMPONENT_IMPORT_UNGRANTED app/components/forecast.wasm:1",
    "warning FLOW_SECRET_UNDECLARED app/components/forecast.wasm:1",
    "info FLOW_GRANT_UNUSED app/components/forecast.wasm:1",
    "error FLOW_COMPONENT_MISSING app/assets/toolmap.json:1",
  ]);

  const sarif = await shell.run("gtc flow doctor app --sarif");
  expect(sarif.code).toBe(2);
  expect(JSON.parse(sarif.stdout)).toMatchObject({ version: "2.1.0", runs: [{ results: { length: 8 } }] });
  expect(await shell.run("gtc flow doctor app --sarif --json")).toMatchObject({ code: 2, stdout: "" });
});

interface Check {
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly at: { readonly file: string; readonly line: number };
  }[];
}

function brief({ severity, code, at }: Check["findings"][number]): string {
  return `${severity} ${code} ${at.file}:${at.line}`;
}

test(
  "gtc flow test runs a pack's conversations and shows what differs, at its place",
  { timeout: 60_000 },
  async () => {
    verifies("flow.test");
    const shell = await withPack();
    expect(await shell.run("gtc flow test app")).toMatchObject({
      code: 0,
      stdout: "ok      app/tests/greeting.test.yaml  asks for a name and greets  2 steps\n",
    });

    edit(shell, "app/tests/greeting.test.yaml", (text) => text.replace("Hello Ada!", "Bonjour Ada!"));
    const failed = await shell.run("cd app && gtc flow test");
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain("  tests/greeting.test.yaml:7:16  step 2: text differs\n");
    expect(failed.stdout).toContain('    expected a text with "Bonjour Ada!"\n    got      "Hello Ada!');
    const json = await shell.run("gtc flow test app --json");
    expect([json.code, JSON.parse(json.stdout)]).toMatchObject([
      1,
      { ok: false, tests: [{ ok: false, steps: 2, failures: [{ step: 2, at: { line: 7 } }] }] },
    ]);

    writeFileSync(join(shell.dir, "app/tests/greeting.test.yaml"), "steps:\n  - says: hi\n    expect: {}\n");
    expect(await shell.run("gtc flow test app")).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/greeting\.test\.yaml:3:5 {2}CLI_TEST_INVALID: .*did you mean "expects"/) as string,
    });
    expect(await shell.run("mkdir empty && gtc flow test empty")).toMatchObject({ code: 3 });
    writeFileSync(join(shell.dir, "empty/x.test.yaml"), "steps: [{ says: hi }]\n");
    expect(await shell.run("gtc flow test empty")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("CLI_TEST_PACKLESS") as string,
    });
  },
);
