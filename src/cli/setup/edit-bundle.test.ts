import { parse } from "yaml";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { linesFor, setInBundle } from "./edit-bundle.ts";

const settings = { mode: "webhook", public_base_url: "https://chat.example.com" };

describe("setInBundle()", () => {
  test.each([
    [
      "a channel in braces",
      "tenant: acme # ours\nproviders:\n  tg: { type: telegram } # the bot\napps: {}\n",
      'tenant: acme # ours\nproviders:\n  tg: { type: telegram, config: { mode: webhook, public_base_url: "https://chat.example.com" } } # the bot\napps: {}\n',
    ],
    [
      "a channel in lines",
      "providers:\n  tg:\n    type: telegram # the bot\n\n  # web\n  web: { type: webchat }\n",
      'providers:\n  tg:\n    type: telegram # the bot\n    config: { mode: webhook, public_base_url: "https://chat.example.com" }\n\n  # web\n  web: { type: webchat }\n',
    ],
    [
      "a config in braces, with one of them",
      'providers:\n  tg: { type: telegram, config: { username: "x", mode: polling } }\n',
      'providers:\n  tg: { type: telegram, config: { username: "x", mode: webhook, public_base_url: "https://chat.example.com" } }\n',
    ],
    [
      "a config in lines",
      "providers:\n  messaging:\n    tg:\n      config:\n        # how\n        mode: 'polling' # for now\n      type: telegram\n",
      'providers:\n  messaging:\n    tg:\n      config:\n        # how\n        mode: webhook # for now\n        public_base_url: "https://chat.example.com"\n      type: telegram\n',
      "messaging-tg",
    ],
    [
      "an empty config",
      "providers:\n  tg: { type: telegram, config: {} }",
      'providers:\n  tg: { type: telegram, config: { mode: webhook, public_base_url: "https://chat.example.com" } }',
    ],
  ])("sets keys of %s and leaves the rest", (_, source, expected, channel = "tg") => {
    verifies("setup.bundle");
    expect(setInBundle(source, channel, settings)).toBe(expected);
  });

  test.each([
    ["a channel that isn't there", "providers:\n  other: { type: telegram }\n"],
    ["a file that is malformed", "providers: {\n"],
    ["a config that is no map", "providers:\n  tg: { type: telegram, config: null }\n"],
    ["a channel behind an alias", "x: &x { type: telegram }\nproviders:\n  tg: *x\n"],
  ])("leaves %s to a person", (_, source) => {
    expect(setInBundle(source, "tg", settings)).toBeUndefined();
  });

  test("keeps any text as that text", () => {
    verifies("setup.bundle");
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    fc.assert(
      fc.property(text, fc.boolean(), (value, isFlow) => {
        const source = isFlow
          ? "providers:\n  tg: { type: telegram }\n"
          : "providers:\n  tg:\n    type: telegram\n    config:\n      a: b\n";
        const edited = setInBundle(source, "tg", { app_name: value });
        const { providers } = parse(edited ?? "") as { providers: { tg: { config: { app_name: string } } } };
        expect(providers.tg.config.app_name).toBe(value);
      }),
    );
  });
});

test("linesFor() writes what a person is to add", () => {
  expect(linesFor("tg", settings)).toBe(
    "providers:\n  tg:\n    config:\n      mode: webhook\n      public_base_url: https://chat.example.com",
  );
});
