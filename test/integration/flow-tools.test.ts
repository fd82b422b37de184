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

test("gtc flow doctor checks a pack's source as a whole, with places in the source", { timeout: 180_000 }, async () => {
  verifies("flow.doctor.pack", "flow.doctor.sarif", "pack.grants.places");
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
    "error COMPONENT_IMPORT_UNGRANTED app/pack.toml:16",
    "error COMPONENT_IMPORT_UNGRANTED app/pack.toml:16",
    "warning FLOW_SECRET_UNDECLARED app/pack.toml:17",
    "info FLOW_GRANT_UNUSED app/pack.toml:17",
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
  { timeout: 180_000 },
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

test("gtc flow edits flows in place and refuses what breaks them", { timeout: 180_000 }, async () => {
  verifies("flow.edit", "flow.edit.bind");
  const shell = await withPack();
  const read = (path: string): string => readFileSync(join(shell.dir, path), "utf8");
  const flow = "app/flows/help.ygtc";
  expect(await shell.run(`gtc flow new ${flow} --title Help`)).toMatchObject({ code: 0, stdout: `wrote ${flow}\n` });
  expect(await shell.run(`gtc flow new ${flow}`)).toMatchObject({ code: 2 });
  edit(shell, flow, (text) => `# Ours.\n${text}`);
  const add = `gtc flow add-step ${flow} thanks --kind message.send --input '{ text: "Thanks, {{in.text}}" }' --after hello`;
  const dry = await shell.run(`${add} --dry-run`);
  expect([dry.code, dry.stdout]).toEqual([
    0,
    `--- ${flow}\n+++ ${flow}\n@@ -7,4 +7,7 @@\n nodes:\n   hello:\n     message.send: { text: Hello }\n+    routing: [{ to: thanks }]\n+  thanks:\n+    message.send: { text: "Thanks, {{in.text}}" }\n     routing: out\n`,
  ]);
  expect(read(flow)).not.toContain("thanks");
  expect(await shell.run(add)).toMatchObject({ code: 0 });
  expect(await shell.run(`gtc flow update-step ${flow} hello --set text=Welcome`)).toMatchObject({ code: 0 });
  expect(read(flow)).toMatch(/^# Ours\.\n[\s\S]*\{ text: Welcome \}/);

  const broken = await shell.run(`gtc flow update-step ${flow} thanks --set txt=x`);
  expect([broken.code, broken.stderr]).toEqual([2, expect.stringContaining("CLI_EDIT_REFUSED") as string]);
  expect(read(flow)).not.toContain("txt");
  expect(await shell.run(`gtc flow update-step ${flow} thanks --set txt=x --force`)).toMatchObject({ code: 0 });
  expect(read(flow)).toContain("txt: x");
  expect(await shell.run(`gtc flow delete-step ${flow} thanks`)).toMatchObject({ code: 0 });
  expect(await shell.run(`gtc flow doctor ${flow}`)).toMatchObject({ code: 0 });

  const wasm = "app/components/forecast.wasm";
  mkdirSync(join(shell.dir, "app/components"));
  cpSync(join(ROOT, "examples/weather-demo/components/forecast.wasm"), join(shell.dir, wasm));
  const bind = `gtc flow bind-component ${flow} hello ${wasm}`;
  const wrong = await shell.run(`${bind} --operation nothing`);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('no operation "nothing"') as string]);
  expect(await shell.run(`${bind} --input '{}' --pinned`)).toMatchObject({ code: 0, stderr: "" });
  expect(read(flow)).toContain("forecast.forecast: {}");
  expect(JSON.parse(read(`${flow}.resolve.json`))).toEqual({
    schema_version: 1,
    flow: "help.ygtc",
    nodes: {
      hello: {
        source: {
          kind: "local",
          path: "../components/forecast.wasm",
          digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
        },
        mode: "pinned",
      },
    },
  });
  expect(await shell.run(`gtc flow doctor ${flow}`)).toMatchObject({ code: 0 });
  writeFileSync(join(shell.dir, wasm), "other bytes");
  const drifted = await shell.run(`gtc flow doctor ${flow}`);
  expect([drifted.code, drifted.stdout]).toEqual([2, expect.stringContaining("isn't what was bound") as string]);
  const remote = await shell.run(
    `gtc flow bind-component ${flow} hello oci://registry.example/greeter:1 --operation greet`,
  );
  expect(remote).toMatchObject({ code: 0 });
  expect(read(flow)).toContain("greeter.greet: {}");
});
