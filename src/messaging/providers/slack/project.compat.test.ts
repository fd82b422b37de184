import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { problemsOfMessage } from "../../../../test/stand-ins/slack-blocks.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { cardToText } from "../../cards/card-to-text.ts";
import { choiceToken } from "../../choice.ts";
import { projectSlack } from "./project.ts";

/** The sample cards of microsoft/AdaptiveCards, where `GREENTIC_COMPAT_DIR` holds them; whoever has none of them skips. */
const samples = join(process.env["GREENTIC_COMPAT_DIR"] ?? "", "AdaptiveCards/samples");
const hasSamples = process.env["GREENTIC_COMPAT_DIR"] !== undefined && existsSync(samples);

const messageOf = (card: JsonObject): ChannelMessageEnvelope => ({
  id: "m",
  tenant: { env: "test", tenant: "t" },
  channel: "slack",
  session_id: "s",
  attachments: [],
  metadata: {},
  extensions: { adaptive_card: card },
});

test.skipIf(!hasSamples)(
  "projectSlack() shows every public sample card within Slack's limits, with all its actions",
  () => {
    verifies("channels.slack.project");
    let cards = 0;
    let native = 0;
    for (const file of globSync("**/*.json", { cwd: samples })) {
      let card: JsonValue;
      try {
        card = JSON.parse(readFileSync(join(samples, file), "utf8").replace(/^\uFEFF/, "")) as JsonValue;
      } catch {
        continue;
      }
      if (!isJsonObject(card) || card.type !== "AdaptiveCard") continue;
      cards++;
      const sends = projectSlack(messageOf(card));
      expect([file, sends.flatMap(problemsOfMessage)]).toEqual([file, []]);
      const text = JSON.stringify(sends);
      native += text.includes('"type":"input"') ? 1 : 0;
      for (const action of cardToText(card).actions) {
        const value = action.kind === "open" ? action.url : action.value;
        const inField = /^\{"[^"]*":(".*")\}$/.exec(value)?.[1];
        const isCarried = [value, choiceToken(value)].some((one) => text.includes(JSON.stringify(one)));
        expect([file, value, isCarried || (inField !== undefined && text.includes(inField))]).toEqual([
          file,
          value,
          true,
        ]);
      }
    }
    expect(cards).toBeGreaterThan(200);
    expect(native).toBeGreaterThan(20);
  },
);
