import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { CHANNEL_TYPES, parseBundle, readYaml } from "../config/index.ts";
import type { BundleProvider } from "../config/index.ts";
import { isNeeded, providerOf } from "../messaging/index.ts";
import { channelProblems } from "./channels.ts";

function providerIn(line: string): BundleProvider {
  const { providers } = parseBundle(
    readYaml(`tenant: acme\nproviders:\n  desk: ${line}\n`, "/nowhere/greentic.demo.yaml"),
  );
  const [provider] = providers;
  if (provider === undefined) throw new TypeError("the bundle has no provider");
  return provider;
}
const kept = (secrets: Readonly<Record<string, string>>) => async (name: string) =>
  Promise.resolve(secrets[name] ?? "");

test("channelProblems() says what a channel lacks and how to set it, and shows no value", async () => {
  verifies("channels.told");
  const slack = providerIn("{ type: slack, config: { workspace: nope } }");
  const problems = await channelProblems(slack, kept({ slack_bot_token: "my-secret" }));
  expect(problems).toEqual([
    "config.workspace: expected T and letters and digits",
    "waits for a slack_bot_token of xoxb- and letters, digits and dashes: greentic-secrets set slack_bot_token --category desk --tenant acme",
    "waits for slack_signing_secret: greentic-secrets set slack_signing_secret --category desk --tenant acme",
  ]);
  const whole = { slack_bot_token: "xoxb-1234567890-abc", slack_signing_secret: "0123456789abcdef" };
  expect(await channelProblems(providerIn("{ type: slack }"), kept(whole))).toEqual([]);
});

test("channelProblems() asks a webhook's secret of Telegram only where it is one, and tells of packs that nothing serves", async () => {
  verifies("channels.told");
  const token = kept({ telegram_bot_token: "1:abcdefghij" });
  expect(await channelProblems(providerIn("{ type: telegram }"), token)).toEqual([]);
  const webhook = providerIn("{ type: telegram, config: { mode: webhook } }");
  expect(await channelProblems(webhook, token)).toEqual([expect.stringContaining("waits for telegram_secret_token")]);
  expect(await channelProblems(providerIn("{ pack: packs/fax.gtpack }"), token)).toEqual([
    expect.stringContaining("isn't served"),
  ]);
});

test("channelProblems() tells of a secret that can't be read without its error's words", async () => {
  const broken = (): Promise<string> => Promise.reject(new Error("xoxb-secret in a stack"));
  const problems = await channelProblems(providerIn("{ type: slack }"), broken);
  expect(problems).toEqual(["its slack_bot_token can't be read", "its slack_signing_secret can't be read"]);
});

test("every built-in channel says what it needs, in words for people", () => {
  for (const type of CHANNEL_TYPES) {
    const entry = providerOf(type);
    expect(entry.type).toBe(type);
    const names = [...entry.secrets, ...entry.settings].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const one of [...entry.secrets, ...entry.settings]) {
      expect(one.title).not.toBe("");
      expect(typeof isNeeded(one, {})).toBe("boolean");
    }
  }
});
