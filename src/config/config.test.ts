import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig, parseBundle, readBundle, readToml, readYaml } from "./index.ts";
import { verifies } from "../../test/verifies.ts";

const inDir = (files: Record<string, string>): string => {
  const dir = mkdtempSync(join(tmpdir(), "greentic-config-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
};
const load = (toml: string, environment = {}, flags = {}) =>
  loadConfig({ cwd: inDir({ "greentic.toml": toml }), environment, flags });

test("loadConfig() gives defaults when nothing is configured", () => {
  const config = loadConfig({ cwd: inDir({}), environment: {} });
  expect(config).toMatchObject({
    env: "dev",
    tenant: "demo",
    team: "default",
    host: "127.0.0.1",
    port: 8080,
    store: "sqlite",
    security: { rejectUnsigned: true, threshold: 1, trustedPublishers: [] },
  });
  expect(config.origins["server.port"]).toBe("default");
});

test("loadConfig() prefers flag over environment over greentic.toml", () => {
  const toml = "[server]\nport = 1\n";
  expect(load(toml)).toMatchObject({ port: 1 });
  expect(load(toml, { GREENTIC_PORT: "2" })).toMatchObject({ port: 2 });
  const config = load(toml, { GREENTIC_PORT: "2" }, { port: 3 });
  expect(config).toMatchObject({ port: 3 });
  expect(config.origins["server.port"]).toBe("flag");
});

test("loadConfig() reads the documents' security section", () => {
  const config = load(
    '[security]\ntrusted_publishers = [\n  "greentic-official.pub",\n  { key = "acme.pub", names = ["acme-*"], not_after = "2027-12-31" },\n]\nreject_unsigned = true\n',
  );
  expect(config.security.trustedPublishers).toMatchObject([
    { names: [] },
    { names: ["acme-*"], notAfter: "2027-12-31" },
  ]);
  expect(config.security.trustedPublishers[0]?.keyFile).toMatch(/\/greentic-official\.pub$/);
});

test("loadConfig() reads who we are to one registry, all of it or nothing", () => {
  const registry = { GREENTIC_REGISTRY: "r.test", GREENTIC_REGISTRY_USER: "u", GREENTIC_REGISTRY_PASSWORD: "p" };
  expect(load("", { ...registry, HOME: "/home/u" }).registry).toEqual({
    plainHttp: [],
    offline: false,
    scopes: [],
    user: { registry: "r.test", name: "u", password: "p" },
    dockerFile: "/home/u/.docker/config.json",
  });
  expect(load("", { DOCKER_CONFIG: "/d", HOME: "/h" }).registry.dockerFile).toBe("/d/config.json");
  const { GREENTIC_REGISTRY: _, ...anybody } = registry;
  expect(() => load("", anybody)).toThrow(expect.objectContaining({ code: "CONFIG_ENV_INVALID" }));
  const file = '[registry]\nplain_http = ["r.lan:5000"]\noffline = true\n';
  expect(load(file).registry).toMatchObject({ plainHttp: ["r.lan:5000"], offline: true });
  expect(load(file, { GREENTIC_OFFLINE: "0" }).registry.offline).toBe(false);
  expect(() => load("", { GREENTIC_OFFLINE: "maybe" })).toThrow(
    expect.objectContaining({ code: "CONFIG_ENV_INVALID" }),
  );
});

test("loadConfig() reads the operator's MCP servers", () => {
  const { mcpServers } = load(`tenant = "acme"
[mcp.servers.files]
command = "./files.sh"
args = ["/srv"]
env = { MODE = "ro" }
secret_env = { TOKEN = "files_token" }
roots = ["/srv"]
[mcp.servers.search]
url = "https://mcp.example.com/mcp"
tenants = ["*"]
auth = { oauth = { client_id = "me", secret = "search_key", scope = "read" } }
[mcp.servers.notes]
url = "https://notes.example.com/mcp"
auth = { consent = { secret = "notes_tokens" } }
`);
  expect(mcpServers).toMatchObject([
    {
      name: "files",
      tenants: ["acme"],
      server: {
        kind: "stdio",
        command: expect.stringMatching(/^\/.*files\.sh$/) as string,
        args: ["/srv"],
        env: { MODE: "ro" },
        secretEnv: { TOKEN: "files_token" },
        maxSessions: 1,
      },
    },
    {
      name: "search",
      tenants: ["*"],
      server: { kind: "http", auth: { kind: "client-credentials", clientId: "me", secret: "search_key" } },
    },
    { name: "notes", server: { auth: { kind: "consent", secret: "notes_tokens", origins: [] } } },
  ]);
});

test.each([
  ["[server]\nprot = 1\n", "CONFIG_KEY_UNKNOWN", 2, 1, 'did you mean "port"'],
  ['env = "dev"\n[security]\n  threshold = "two"\n', "CONFIG_VALUE_INVALID", 3, 3, "security.threshold"],
  ["[log]\nlevel = \n", "CONFIG_SYNTAX_INVALID", 2, 9, "TOML"],
  ["[mcp.servers.files]\nargs = []\n", "CONFIG_VALUE_INVALID", 1, 1, 'needs "url" or "command", and only one'],
  [
    '[mcp.servers.a]\nurl = "https://a"\n[mcp.servers.a.auth]\nheader = "x"\n',
    "CONFIG_VALUE_INVALID",
    3,
    1,
    '"secret"',
  ],
  ["[nonsense]\na = 1\n", "CONFIG_KEY_UNKNOWN", 1, 1, "nonsense"],
])("loadConfig() points at what is wrong in %j", (toml, code, line, column, words) => {
  expect(() => load(toml)).toThrow(
    expect.objectContaining({
      code,
      at: expect.objectContaining({ line, column }),
      message: expect.stringContaining(words),
    }),
  );
});

test("parseBundle() reads the documents' bundle", () => {
  verifies("bundle.config", "bundle.providers", "bundle.apps");
  const bundle = parseBundle(
    readYaml(
      'providers:\n  messaging-telegram:\n    pack: "providers/messaging/messaging-telegram.gtpack"\n    setup_flow: "setup_default"\n    verify_flow: "verify_webhooks"\napps:\n  customer-service:\n    pack: "apps/customer-service.gtpack"\n    default_flow: "on_message"\n',
      "/b/greentic.demo.yaml",
    ),
  );
  expect(bundle.providers).toMatchObject([
    {
      name: "messaging-telegram",
      pack: "/b/providers/messaging/messaging-telegram.gtpack",
      setupFlow: "setup_default",
      verifyFlow: "verify_webhooks",
      tenant: "demo",
    },
  ]);
  expect(bundle.apps).toMatchObject([
    { name: "customer-service", pack: "/b/apps/customer-service.gtpack", defaultFlow: "on_message" },
  ]);
});

test("parseBundle() reads providers below their domain and apps as a list, as public bundles have them", () => {
  const bundle = parseBundle(
    readYaml(
      [
        "tenant: demo",
        "providers:",
        "  messaging:",
        '    webchat: { type: webchat, pack: "oci://registry.example.com/messaging-webchat:0.4.6" }',
        "    messaging-telegram: { type: telegram, tenant: acme }",
        "  telegram: { type: telegram }",
        "apps:",
        '  - { pack: "apps/customer-service.gtpack", default_flow: on_message }',
        '  - { name: second, pack: "apps/other.gtpack" }',
      ].join("\n"),
      "greentic.demo.yaml",
    ),
  );
  expect(bundle.providers.map(({ name, tenant, at }) => [name, tenant, at?.line])).toEqual([
    ["messaging-webchat", "demo", 4],
    ["messaging-telegram", "acme", 5],
    ["telegram", "demo", 6],
  ]);
  expect(bundle.apps.map(({ name, defaultFlow, at }) => [name, defaultFlow, at?.line])).toEqual([
    ["customer-service", "on_message", 8],
    ["second", undefined, 9],
  ]);
  const wrong =
    (text: string): (() => unknown) =>
    () =>
      parseBundle(readYaml(text, "greentic.demo.yaml"));
  expect(wrong("providers:\n  messaging:\n    telegram: { tpye: telegram }")).toThrow(/unknown key "tpye".*type/);
  expect(wrong("apps:\n  - { pakc: a.gtpack }")).toThrow(/apps/);
  expect(wrong("providers:\n  messaging: { type: pigeon }")).toThrow(/providers.messaging.type/);
});

test("readBundle() points at an unknown key by line and column", () => {
  const dir = inDir({ "greentic.demo.yaml": "tenant: demo\napps:\n  main:\n    pack: a.gtpack\n    defalt_flow: x\n" });
  expect(() => readBundle(dir)).toThrow(
    expect.objectContaining({ code: "CONFIG_KEY_UNKNOWN", at: expect.objectContaining({ line: 5, column: 5 }) }),
  );
});

test.each(["a: 1\na: 2\n", "a: [", "a: &x [1]\nb: *x\n", "a: !!js/function x\n"])("readYaml() refuses %j", (text) => {
  expect(() => readYaml(text, "f.yaml")).toThrow();
});

test("readToml() keeps hostile keys as data", () => {
  expect(() => readToml("[__proto__]\npolluted = 1\n", "f.toml")).not.toThrow(TypeError);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("loadConfig() reads which registries have whose packs, and says where that is wrong", () => {
  const scope = '[registry.scopes.acme]\nnames = ["acme-*"]\nregistries = ["oci://registry.example.com/acme"]\n';
  expect(load(scope).registry.scopes).toEqual([
    { publisher: "acme", names: ["acme-*"], registries: ["oci://registry.example.com/acme"] },
  ]);
  for (const [wrong, line] of [
    [scope.replace("acme-*", "Acme/*"), 2],
    [scope.replace("oci://", "https://"), 3],
    [scope.replace("registries", "registry"), 1],
  ] as const)
    expect(() => load(wrong)).toThrow(expect.objectContaining({ at: expect.objectContaining({ line }) as object }));
});

test("loadConfig() reads the models that the operator lends", () => {
  verifies("llm.operator");
  const { llmModels } = load(
    'tenant = "acme"\n[llm.default]\nurl = "http://127.0.0.1:11434/v1/"\nmodel = "qwen3"\n' +
      '[llm.big]\nurl = "https://api.openai.com/v1"\nmodel = "gpt"\nsecret = "secrets://prod/ops/_/llm/openai"\ntenants = ["*"]\ntokens_per_day = 9\n',
  );
  expect(llmModels).toMatchObject([
    { name: "default", url: "http://127.0.0.1:11434/v1", model: "qwen3", tenants: ["acme"], maxOutputTokens: 1_024 },
    { name: "big", secret: "secrets://prod/ops/_/llm/openai", tenants: ["*"], tokensPerDay: 9, stream: true },
  ]);
  expect(load("").llmModels).toEqual([]);
  for (const bad of [
    'url = "ftp://x"\nmodel = "a"',
    'url = "http://x/v1"',
    'url = "http://x/v1"\nmodel = "a"\nkey = "k"',
  ]) {
    expect(() => load(`[llm.default]\n${bad}\n`)).toThrow(expect.objectContaining({ at: expect.anything() }));
  }
});
