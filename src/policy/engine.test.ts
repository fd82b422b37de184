import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { directoryFiles, POLICY_POINTS, readBundlePolicy } from "../config/index.ts";
import { tenantId } from "../types/index.ts";
import { ask, engineOf } from "../../test/stand-ins/policy-engine.ts";

const rule = (id: string, rest: string): string => `[[policy.rules]]\nid = "${id}"\n${rest}\n`;
const http = (url: string, more: object = {}) => ask({ point: "component.http", url, method: "GET", ...more });

test("createPolicyEngine() judges nothing where nothing is configured", () => {
  verifies("policy.free");
  const engine = engineOf("");
  expect(POLICY_POINTS.filter((point) => engine.judges(point))).toEqual([]);
  const some = engineOf(rule("r", `at = ["send"]\nwhen = "true"`));
  expect(POLICY_POINTS.filter((point) => some.judges(point))).toEqual(["send"]);
});

describe("rules", () => {
  test("any that denies wins, wherever it stands", () => {
    verifies("policy.rules");
    const allow = rule("allow", `at = ["send"]\neffect = "allow"\nwhen = 'tenant == "acme"'`);
    const deny = rule("deny", `at = ["send"]\nwhen = 'channel == "slack"'\nmessage = "not there"`);
    for (const toml of [allow + deny, deny + allow]) {
      const engine = engineOf(toml);
      expect(engine.decide(ask({ point: "send", channel: "slack" }))).toEqual({
        kind: "deny",
        rule: "deny",
        message: "not there",
      });
      expect(engine.decide(ask({ point: "send", channel: "webchat" }))).toEqual({ kind: "allow", rule: "allow" });
    }
  });

  test("the default counts where none says anything, for all points or for some", () => {
    verifies("policy.rules");
    const all = engineOf(`[policy]\ndefault = "deny"\n${rule("r", `at = ["send"]\neffect = "allow"\nwhen = "true"`)}`);
    expect(all.decide(ask({ point: "tool", tool: "x" }))).toMatchObject({ kind: "deny", rule: "default" });
    expect(all.decide(ask({ point: "send" }))).toEqual({ kind: "allow", rule: "r" });
    const some = engineOf(`[policy]\ndefault_deny_at = ["tool"]\n`);
    expect(some.decide(ask({ point: "tool" }))).toMatchObject({ kind: "deny", rule: "default" });
    expect(some.decide(ask({ point: "send" }))).toEqual({ kind: "allow" });
  });

  test("what can't be told denies where the rule denies and doesn't allow where it allows", () => {
    verifies("policy.rules");
    const when = `when = 'labels.tier == "gold"'`;
    const denying = engineOf(rule("r", `at = ["send"]\n${when}`));
    expect(denying.decide(ask({ point: "send" }))).toMatchObject({ kind: "deny", rule: "r" });
    const allowing = engineOf(
      `[policy]\ndefault = "deny"\n[policy.labels.globex]\ntier = "gold"\n${rule("r", `at = ["send"]\neffect = "allow"\n${when}`)}`,
    );
    expect(allowing.decide(ask({ point: "send" }))).toMatchObject({ kind: "deny", rule: "default" });
    expect(allowing.decide(ask({ point: "send", tenant: tenantId("globex") }))).toEqual({ kind: "allow", rule: "r" });
  });

  test.each([
    [`when = 'tennant == "a"'`, "Unknown variable: tennant, at character 1"],
    [`when = 'tenant == 3'`, "no such overload: string == int, at character 1"],
    [`when = 'tenant == "a" &&'`, "at character 17"],
    [`when = 'tenant'`, 'expected true or false, got "string"'],
    [`when = 'url.matches("(a+)+$")'`, "matches() is not available"],
    [`when = '["a"].exists(x, ["b"].exists(y, x == y))'`, "exists() inside another loop"],
  ])("%s is refused where it stands", (when, message) => {
    verifies("policy.rules");
    expect(() => engineOf(rule("bad", `at = ["send"]\n${when}`))).toThrow(
      expect.objectContaining({
        code: "POLICY_EXPRESSION_INVALID",
        message: expect.stringContaining(message),
        at: expect.objectContaining({ line: 4, column: 1 }),
      }),
    );
  });

  test("an id that stands twice, and what isn't a point, are refused", () => {
    const twice = rule("r", `at = ["send"]\nwhen = "true"`);
    expect(() => engineOf(twice + twice)).toThrow(expect.objectContaining({ code: "CONFIG_VALUE_INVALID" }));
    expect(() => engineOf(rule("r", `at = ["sent"]\nwhen = "true"`))).toThrow(
      expect.objectContaining({ code: "CONFIG_VALUE_INVALID", at: expect.objectContaining({ line: 3 }) }),
    );
  });

  test("a rule sees where a URL leads, and nothing behind its path", () => {
    const seen = (when: string, url: string): string =>
      (engineOf(rule("r", `at = ["component.http"]\nwhen = '${when}'`)).decide(http(url)) as { kind: string }).kind;
    expect(seen('host == "a.example" && port == 443 && scheme == "https"', "https://a.example/x")).toBe("deny");
    expect(seen("port == 8080", "http://a.example:8080/")).toBe("deny");
    expect(seen('url == "https://a.example/x"', "https://u:p@a.example/x?key=1#y")).toBe("deny");
    expect(seen('url.contains("key")', "https://a.example/x?key=1")).toBe("allow");
  });
});

describe("allow-lists", () => {
  const engine = engineOf(`
[policy.network]
protocols = ["https"]
[policy.network.tenants.acme]
domains = ["*.example.com", "one.test"]
[policy.network.packs.weather]
domains = ["api.example.com"]
[policy.network.components."weather/slow"]
ports = [8443]
`);
  test.each([
    ["https://a.example.com/", {}, undefined],
    ["https://a.example.com./", {}, undefined],
    ["https://one.test/", {}, undefined],
    ["http://a.example.com/", {}, "network"],
    ["https://example.com/", {}, "network.tenants.acme"],
    ["https://a.b.example.com/", {}, "network.tenants.acme"],
    ["https://aexample.com/", {}, "network.tenants.acme"],
    ["https://one.test.evil.test/", {}, "network.tenants.acme"],
    ["https://anything.test/", { tenant: tenantId("globex") }, undefined],
    ["https://a.example.com/", { pack: "weather" }, "network.packs.weather"],
    ["https://api.example.com/", { pack: "weather" }, undefined],
    ["https://api.example.com/", { pack: "weather", component: "slow" }, "network.components.weather/slow"],
    ["https://api.example.com:8443/", { pack: "weather", component: "slow" }, undefined],
    ["nonsense", {}, "network"],
  ])("%s of %j is denied by %s", (url, more, by) => {
    verifies("policy.network");
    expect(engine.decide(http(url, more))).toEqual(
      by === undefined ? { kind: "allow" } : expect.objectContaining({ kind: "deny", rule: by }),
    );
  });
});

test("a bundle's files and its tenants' take away and never give", () => {
  verifies("policy.bundle");
  const dir = mkdtempSync(join(tmpdir(), "greentic-policy-"));
  try {
    mkdirSync(join(dir, "tenants/acme"), { recursive: true });
    writeFileSync(join(dir, "policy.toml"), `[[rules]]\nid = "all"\nat = ["send"]\nwhen = 'channel == "x"'\n`);
    writeFileSync(
      join(dir, "tenants/acme/policy.toml"),
      `[[rules]]\nid = "own"\nat = ["send"]\nwhen = 'channel == "y"'\n[network]\ndomains = ["a.test"]\n`,
    );
    const bundle = readBundlePolicy(directoryFiles(dir));
    const engine = engineOf(rule("op", `at = ["send"]\nwhen = 'channel == "z"'`), { bundle });
    const by = (channel: string, tenant = "acme"): unknown =>
      (engine.decide(ask({ point: "send", channel, tenant: tenantId(tenant) })) as { rule?: string }).rule;
    expect([by("x"), by("y"), by("z"), by("x", "globex"), by("y", "globex")]).toEqual([
      "all",
      "own",
      "op",
      "all",
      undefined,
    ]);
    expect(engine.decide(http("https://b.test/"))).toMatchObject({ rule: "tenants/acme/policy.toml: network" });
    expect(engine.decide(http("https://b.test/", { tenant: tenantId("globex") }))).toEqual({ kind: "allow" });
    writeFileSync(join(dir, "policy.toml"), `[[rules]]\nid = "all"\nat = ["send"]\neffect = "allow"\nwhen = "true"\n`);
    expect(() => readBundlePolicy(directoryFiles(dir))).toThrow(
      expect.objectContaining({ code: "CONFIG_VALUE_INVALID", at: expect.objectContaining({ line: 4 }) }),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a tenant of another region is refused, and rules can compare regions", () => {
  verifies("residency.region");
  const toml = (region: string): string => `
[residency]
${region}
tenants = { acme = "eu" }
destinations = { "*.eu.example" = "eu", "api.us.example" = "us" }
[[policy.rules]]
id = "stay"
at = ["component.http"]
when = 'tenant_region != "" && target_region != tenant_region'
`;
  const load = ask({ point: "pack.load" });
  expect(engineOf(toml('region = "us"')).decide(load)).toMatchObject({ kind: "deny", rule: "residency" });
  expect(engineOf(toml("")).decide(load)).toMatchObject({ kind: "deny", rule: "residency" });
  const here = engineOf(toml('region = "eu"'));
  expect(here.decide(load)).toEqual({ kind: "allow" });
  expect(here.decide(http("https://a.eu.example/"))).toEqual({ kind: "allow" });
  for (const url of ["https://api.us.example/", "https://unknown.example/"])
    expect(here.decide(http(url))).toMatchObject({ kind: "deny", rule: "stay" });
  expect(here.decide(http("https://api.us.example/", { tenant: tenantId("globex") }))).toEqual({ kind: "allow" });
});
