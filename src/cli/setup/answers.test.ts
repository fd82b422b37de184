import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { parseBundle, readYaml } from "../../config/index.ts";
import { isGreenticError } from "../../types/index.ts";
import type { ChannelAnswers } from "./answers.ts";
import { readAnswers } from "./answers.ts";

const { providers } = parseBundle(
  readYaml(
    "tenant: acme\nproviders:\n  desk: { type: telegram }\n  messaging-slack: { pack: packs/messaging-slack.gtpack }\n",
    "/nowhere/greentic.demo.yaml",
  ),
);
const [desk, slack] = providers;

function read(text: string, name = "answers.yaml"): (of: typeof desk) => ChannelAnswers | undefined {
  const cwd = mkdtempSync(join(tmpdir(), "greentic-answers-"));
  writeFileSync(join(cwd, name), text);
  const answers = readAnswers(name, { cwd, environment: { TOKEN: "from-env" }, providers });
  return (provider) => (provider === undefined ? undefined : answers.of(provider));
}
function refusal(text: string, name?: string): string {
  try {
    read(text, name);
  } catch (error) {
    return isGreenticError(error) ? `${error.code} ${error.message} ${error.at === undefined ? "" : "excerpt"}` : "";
  }
  return "taken";
}

test("readAnswers() takes ours by channel, and values from the environment", () => {
  verifies("setup.answers");
  const of = read(
    "desk:\n  mode: webhook\n  telegram_bot_token: { env: TOKEN }\n  count: 7\n  off: false\n  sites: [a, b]\n  none: null\n",
  );
  expect([...(of(desk)?.values ?? [])].map(([name, { value }]) => [name, value])).toEqual([
    ["mode", "webhook"],
    ["telegram_bot_token", "from-env"],
    ["count", "7"],
    ["off", "false"],
    ["sites", "a b"],
  ]);
  expect(of(desk)).toMatchObject({ isEnabled: true, isPublic: false });
  expect(of(slack)).toBeUndefined();
});

test("readAnswers() takes the public tools', by provider id and in their document", () => {
  verifies("setup.answers");
  const section = { enabled: false, public_base_url: "https://x.example.com", bot_token: "1:a", default_chat_id: "" };
  const plain = read(JSON.stringify({ "messaging-telegram": section, "messaging-slack": {} }), "a.json");
  expect(plain(desk)).toMatchObject({ isEnabled: false, isPublic: true });
  expect(plain(slack)).toMatchObject({ isEnabled: true });
  const wrapped = read(
    JSON.stringify({ wizard_id: "w", schema_version: "1.0.0", answers: { telegram: section } }),
    "a.json",
  );
  expect(wrapped(desk)).toMatchObject({ isPublic: true });
});

test.each([
  ["desk: [1]\n", /answers\.yaml:1:1: expected an object for "desk"/],
  ["desk: {}\ndesc: {}\n", /answers\.yaml:2:1: the bundle has no channel "desc".*did you mean/],
  ["desk:\n  mode: [{ a: hunter2 }]\n", /answers\.yaml:2:3: expected a text, a list of texts or \{ env: NAME \}/],
  ["desk:\n  token: { env: NOPE }\n", /answers\.yaml:2:3: "token": the environment has no "NOPE"/],
  ["desk: { token: hunter2\n", /answers\.yaml:\d+:\d+: malformed YAML/],
  ["- hunter2\n", /answers\.yaml:1:1: expected an object by channel/],
])("readAnswers() refuses %j by its place, without the line", (text, expected) => {
  verifies("setup.answers", "setup.secrets");
  const told = refusal(text);
  expect(told).toMatch(expected);
  expect(told).toMatch(/^CLI_ANSWERS_INVALID/);
  expect(told).not.toMatch(/hunter2|excerpt/);
});

test("readAnswers() quotes nothing of malformed JSON", () => {
  verifies("setup.secrets");
  expect(refusal('{"desk": {"token": hunter2}}', "a.json")).toMatch(/a\.json:1:20: malformed JSON (?!.*hunter2)/);
});
