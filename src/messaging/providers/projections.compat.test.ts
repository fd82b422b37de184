import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plainMessage } from "../../../test/stand-ins/any-message.ts";
import { heldChannels } from "../../../test/stand-ins/channel-oracles.ts";
import { lostParts } from "../../../test/stand-ins/lost-parts.ts";
import { verifies } from "../../../test/verifies.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";

/** The sample cards of microsoft/AdaptiveCards, where `GREENTIC_COMPAT_DIR` holds them; whoever has none of them skips. */
const samples = join(process.env["GREENTIC_COMPAT_DIR"] ?? "", "AdaptiveCards/samples");
const hasSamples = process.env["GREENTIC_COMPAT_DIR"] !== undefined && existsSync(samples);

function sampleCards(): readonly (readonly [string, JsonObject])[] {
  const cards: (readonly [string, JsonObject])[] = [];
  for (const file of globSync("**/*.json", { cwd: samples })) {
    let card: JsonValue;
    try {
      card = JSON.parse(readFileSync(join(samples, file), "utf8").replace(/^\uFEFF/, "")) as JsonValue;
    } catch {
      // Some of them are broken on purpose.
      continue;
    }
    if (isJsonObject(card) && card.type === "AdaptiveCard") cards.push([file, card]);
  }
  return cards;
}

const channels = heldChannels();

test.skipIf(!hasSamples).each(channels.map((channel) => [channel.type, channel] as const))(
  "%s shows every public sample card within its limits, and loses no text or action of it without a finding",
  (_type, channel) => {
    verifies("channels.corpus");
    const cards = sampleCards();
    expect(cards.length).toBeGreaterThan(200);
    const problems = cards.flatMap(([file, card]) => {
      const message = plainMessage({ extensions: { adaptive_card: card } });
      const refused = channel.provider.project(message).flatMap((payload) => channel.problemsOf(payload));
      return [...refused, ...lostParts(channel, message)].map((problem) => `${file}: ${problem}`);
    });
    expect(problems).toEqual([]);
  },
);

test.skipIf(!hasSamples)("most sample cards stay cards in Slack and Teams", () => {
  for (const { type, provider } of channels.filter((channel) => channel.type === "slack" || channel.type === "teams")) {
    const cards = sampleCards();
    const degraded = cards.filter(([, card]) => {
      let isDegraded = false;
      provider.project(plainMessage({ extensions: { adaptive_card: card } }), ({ code }) => {
        isDegraded ||= code === "card.degraded";
      });
      return isDegraded;
    });
    expect([type, degraded.length / cards.length < 0.2]).toEqual([type, true]);
  }
});
