import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { openShell, ROOT } from "./shell.ts";

const ok = async (shell: ReturnType<typeof openShell>, command: string): Promise<string> => {
  const said = await shell.run(command);
  expect(said, command).toMatchObject({ code: 0 });
  return said.stdout;
};

describe("the documents' quickstart, word for word", () => {
  const shell = openShell();

  beforeAll(() => {
    cpSync(join(ROOT, "examples/weather-demo"), join(shell.dir, "greentic-examples/weather-demo"), {
      recursive: true,
      filter: (path) => !path.endsWith("/dist") && !path.endsWith("/.keys"),
    });
  });

  test("init, bootstrap, build, sign, load and run-flow answer with the flow's first question", async () => {
    verifies(
      "quickstart.init",
      "quickstart.bootstrap",
      "quickstart.build",
      "quickstart.sign",
      "quickstart.load",
      "quickstart.run-flow",
      "deployer.tenant",
      "deployer.connectors",
      "deployer.secrets",
      "deployer.signs",
      "deployer.webhooks",
      "concept.deployer",
      "pack.resolve.local",
      "pack.register",
      "runner.load.verifies",
      "deploy.desktop",
    );
    await ok(shell, "greentic-deployer init --tenant acme --connector messaging.telegram");
    const steps = await ok(shell, "greentic-deployer bootstrap --env dev-desktop");
    expect(steps).toContain("tenant acme");
    expect(steps).toContain("connector messaging.telegram");
    expect(steps).toContain("long polling");
    expect(steps).toContain("todo  secret secrets://dev-desktop/acme/_/messaging-telegram/telegram_bot_token");
    expect(statSync(join(shell.dir, ".greentic/secrets.sealed")).mode & 0o777).toBe(0o600);

    await ok(shell, "packc build -p greentic-examples/weather-demo/pack.yaml -o dist/weather.pack");
    await ok(shell, "packc sign -p dist/weather.pack --key ~/.greentic/dev-ed25519.pem");
    expect(await ok(shell, "greentic-runner load --pack dist/weather.pack --allow-unsigned")).toContain(
      "signature  valid",
    );
    expect(
      await ok(shell, `greentic-runner run-flow --tenant acme --input '{"update":{"message":{"text":"/weather"}}}'`),
    ).toBe("Which city?\n");
    // The same session goes on where the first process left it.
    expect(await ok(shell, `greentic-runner run-flow --tenant acme --input '{"text":"Jakarta"}'`)).toContain(
      "Which day?",
    );
    expect(JSON.parse(await ok(shell, "gtc session list --tenant acme --json"))).toMatchObject([
      { flow: "on_message", waitingAt: "ask", unread: 0 },
    ]);
  });

  test("bootstrap run again changes nothing, and init refuses to replace files", async () => {
    const before = readFileSync(join(shell.dir, "greentic.toml"), "utf8");
    await ok(shell, "greentic-deployer bootstrap --env dev-desktop");
    expect(readFileSync(join(shell.dir, "greentic.toml"), "utf8")).toBe(before);
    expect(await shell.run("greentic-deployer init --tenant other")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("DEPLOYER_FILE_EXISTS"),
    });
    expect(readFileSync(join(shell.dir, "greentic.toml"), "utf8")).toBe(before);
  });

  test("a pack that nobody signed is refused without --allow-unsigned, and nothing is registered", async () => {
    verifies("pack.trust.reject-unsigned");
    await ok(shell, "packc build -p greentic-examples/weather-demo/pack.yaml -o dist/unsigned.pack");
    const said = await shell.run("greentic-runner load --pack dist/unsigned.pack --tenant beta");
    expect(said).toMatchObject({ code: 4, stderr: expect.stringContaining("error[PACK_UNSIGNED]") });
    expect(JSON.parse(await ok(shell, "gtc runner list --tenant beta --json"))).toEqual([]);
  });
});

describe("the documents' pack commands, word for word", () => {
  const shell = openShell();

  test("build, keygen, sign, verify, validate, doctor and verify --full", async () => {
    verifies(
      "pack.cli.build",
      "pack.cli.keygen",
      "pack.cli.sign",
      "pack.cli.verify",
      "pack.cli.validate",
      "pack.cli.flow-doctor",
      "pack.cli.verify-full",
      "pack.trust.publishers",
    );
    await ok(shell, "mkdir -p my-pack/{flows,components,assets}");
    cpSync(
      join(ROOT, "examples/weather-demo/components/forecast.wasm"),
      join(shell.dir, "my-pack/components/processor.wasm"),
    );
    mkdirSync(join(shell.dir, "my-pack/assets/templates"));
    mkdirSync(join(shell.dir, "my-pack/assets/cards"));
    writeFileSync(join(shell.dir, "my-pack/assets/templates/welcome.hbs"), "Hello {{name}}\n");
    writeFileSync(
      join(shell.dir, "my-pack/assets/cards/greeting.json"),
      '{"type":"AdaptiveCard","version":"1.5","body":[]}',
    );
    for (const id of ["main", "setup"])
      writeFileSync(
        join(shell.dir, `my-pack/flows/${id}.ygtc`),
        `id: ${id}\ntype: messaging\nschema_version: 2\nstart: hi\nnodes:\n  hi:\n    message.send: { text: "Hello" }\n    routing: out\n`,
      );
    writeFileSync(
      join(shell.dir, "my-pack/pack.toml"),
      `[pack]\nname = "my-feature"\nversion = "1.0.0"\ndescription = "A feature pack for handling customer inquiries"\nauthors = ["Your Name <you@example.com>"]\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["customer-service"]\n[dependencies]\ngreentic-templates = "^0.4"\n[flows]\nmain = "flows/main.ygtc"\nsetup = "flows/setup.ygtc"\n[components.processor]\npath = "components/processor.wasm"\ngrants = { http = ["https://api.open-meteo.com"], assets = true }\n[assets]\ntemplates = "assets/templates/"\ncards = "assets/cards/"\n`,
    );
    await ok(shell, "greentic-pack build ./my-pack");
    const first = readFileSync(join(shell.dir, "my-feature-1.0.0.gtpack"));
    await ok(shell, "gtc pack build ./my-pack");
    expect(readFileSync(join(shell.dir, "my-feature-1.0.0.gtpack")).equals(first)).toBe(true);
    await ok(shell, "greentic-pack keygen --output my-key.pem");
    expect(statSync(join(shell.dir, "my-key.pem")).mode & 0o777).toBe(0o600);
    await ok(shell, "greentic-pack sign my-feature-1.0.0.gtpack --key my-key.pem");
    await ok(shell, "greentic-pack verify my-feature-1.0.0.gtpack --pubkey my-key.pub");
    await ok(shell, "greentic-pack validate ./my-feature-1.0.0.gtpack");
    await ok(shell, "greentic-flow doctor --pack ./my-feature-1.0.0.gtpack");

    // Without --pubkey the trusted publishers of greentic.toml decide.
    expect(await shell.run("greentic-pack verify --full ./my-feature-1.0.0.gtpack")).toMatchObject({ code: 4 });
    mkdirSync(join(shell.dir, "trusted-keys"));
    cpSync(join(shell.dir, "my-key.pub"), join(shell.dir, "trusted-keys/publisher.pub"));
    writeFileSync(
      join(shell.dir, "greentic.toml"),
      '[security]\ntrusted_publishers = ["trusted-keys/publisher.pub"]\nreject_unsigned = true\n',
    );
    expect(JSON.parse(await ok(shell, "greentic-pack verify --full ./my-feature-1.0.0.gtpack --json"))).toMatchObject({
      ok: true,
      signature: { status: "valid" },
      sbom: { status: "valid" },
    });
    await ok(shell, "greentic-pack verify my-feature-1.0.0.gtpack --pubkey trusted-keys/publisher.pub");
  });

  test("a pack that changed after signing is refused with exit code 4", async () => {
    verifies("pack.hash.one-byte", "pack.integrity");
    const file = join(shell.dir, "my-feature-1.0.0.gtpack");
    const bytes = readFileSync(file);
    const at = bytes.indexOf("Hello");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(shell.dir, "tampered.gtpack"), bytes);
    expect(await shell.run("greentic-pack verify tampered.gtpack --pubkey my-key.pub")).toMatchObject({ code: 4 });
    expect(await shell.run("greentic-runner load --pack tampered.gtpack --allow-unsigned")).toMatchObject({
      code: expect.any(Number),
      stderr: expect.stringContaining("error[PACK_"),
    });
    expect(existsSync(join(shell.dir, ".greentic/packs.json"))).toBe(false);
  });
});

describe("bad input", () => {
  const shell = openShell();
  const flow = (text: string): void => writeFileSync(join(shell.dir, "f.ygtc"), text);

  test.each([
    ["malformed YAML", "id: a\nnodes: [\n", "FLOW_", 2],
    ["an unknown node kind", "id: a\ntype: messaging\nnodes:\n  x:\n    qaa: {}\n", "FLOW_", 2],
    [
      "a missing target",
      'id: a\ntype: messaging\nnodes:\n  x:\n    message.send: { text: "a" }\n    routing: [{ to: nowhere }]\n',
      "FLOW_",
      2,
    ],
    [
      "an unknown key",
      'id: a\ntype: messaging\ncolour: red\nnodes:\n  x:\n    message.send: { text: "a" }\n',
      "FLOW_",
      2,
    ],
    [
      "a wrong type",
      "id: a\ntype: messaging\nnodes:\n  x:\n    message.send: { text: [1] }\n    routing: out\n",
      "FLOW_",
      2,
    ],
  ])("gtc flow doctor names %s with its place", async (_name, text, code, exit) => {
    verifies("flow.schema", "flow.validate");
    flow(text);
    const said = await shell.run("gtc flow doctor f.ygtc");
    expect(said.code).toBe(exit);
    expect(said.stdout).toMatch(new RegExp(String.raw`\d+:\d+ +error\[${code}`));
  });

  test.each([
    ["gtc component inspect f.wasm", "COMPONENT_BINARY_INVALID", 2],
    ["gtc pack verify f.wasm --json", "PACK_ZIP", 4],
    ["gtc pack inspect missing.gtpack", "CLI_FILE_MISSING", 3],
    ["gtc runner run-flow --tenant 'A B' --input '{}'", "TYPES_ID_INVALID", 2],
    ["gtc runner run-flow --tenant nobody --input '{bad'", "TYPES_JSON_INVALID", 2],
    [`gtc runner run-flow --tenant nobody --input '${"[".repeat(70)}${"]".repeat(70)}'`, "TYPES_JSON_TOO_DEEP", 2],
    ["gtc start nowhere", "CONFIG_FILE_MISSING", 3],
    ["gtc secrets get nothing", "SECRETS_NOT_FOUND", 3],
  ])("%s says %s", async (command, code, exit) => {
    writeFileSync(join(shell.dir, "f.wasm"), "not a component");
    const said = await shell.run(command);
    expect(said, command).toMatchObject({ code: exit });
    expect(said.stderr + said.stdout).toContain(code);
  });

  test("output that nobody reads to its end is no defect", async () => {
    const said = await shell.run("set -o pipefail; gtc flow kinds --json | head -1");
    expect(said).toMatchObject({ code: 0, stdout: "[\n", stderr: "" });
  });

  test("usage mistakes exit with 2 and name the command's help", async () => {
    expect(await shell.run("gtc pack build --nonsense")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--nonsense"),
    });
    expect(await shell.run("gtc nonsense")).toMatchObject({ code: 2 });
    expect(await shell.run("gtc --help")).toMatchObject({ code: 0, stdout: expect.stringContaining("runner") });
  });
});
