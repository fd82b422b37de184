import { assert, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { anyMessage, plainMessage } from "../../../../test/stand-ins/any-message.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { cardToText } from "../../cards/card-to-text.ts";
import { cardsOf } from "../../cards/find-card.ts";
import { choiceToken } from "../../choice.ts";
import { checkTeamsSend, projectTeams } from "./project.ts";

interface Activity {
  readonly text?: string;
  readonly summary?: string;
  readonly attachments?: readonly { readonly content: JsonObject }[];
}
const activitiesOf = (sends: readonly JsonObject[]): readonly Activity[] =>
  sends.map(({ activity }) => activity as unknown as Activity);
const cardsIn = (sends: readonly JsonObject[]): readonly JsonObject[] =>
  activitiesOf(sends).flatMap(({ attachments }) => (attachments ?? []).map(({ content }) => content));
/** What pressing each action would say or submit. */
function pressesOf(value: JsonValue): string[] {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap(pressesOf);
  if (typeof value !== "object" || value === null) return [];
  const { type, data, url, ...rest } = value as { [name: string]: JsonValue };
  const own: string[] = [];
  if (type === "Action.OpenUrl" && typeof url === "string") own.push(url);
  if (type === "Action.Submit" || type === "Action.Execute") {
    const fields = (data ?? {}) as { msteams?: { text?: string }; choice_token?: string };
    own.push(fields.choice_token ?? fields.msteams?.text ?? JSON.stringify(data ?? {}));
  }
  return [...own, ...Object.values(rest).flatMap(pressesOf)];
}

describe("projectTeams()", () => {
  test("keeps every limit for any message and card", () => {
    verifies("channels.teams.project");
    assert(
      property(anyMessage, (message) => {
        for (const send of projectTeams(message)) expect(checkTeamsSend(send)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("keeps every suggestion, with the value that it stands for, and every word of the text", () => {
    const bare = (text: string): string => text.toWellFormed().replaceAll(/[\s\p{Cc}]/gu, "");
    assert(
      property(anyMessage, (message) => {
        const sends = projectTeams(message);
        const presses = cardsIn(sends).flatMap(pressesOf);
        for (const { value } of message.extensions?.suggested_actions ?? []) {
          const wanted = value.toWellFormed();
          expect(
            presses.some((press) => press === wanted || press === choiceToken(value) || isSame(press, value)),
          ).toBe(true);
        }
        const said = bare(
          activitiesOf(sends)
            .map(({ text }) => text ?? "")
            .join(""),
        );
        if (cardsOf(message).length === 0) expect(said).toContain(bare(message.text ?? ""));
      }),
      { numRuns: 100 },
    );
  });

  test("keeps every action of any card", () => {
    assert(
      property(anyMessage, (message) => {
        const [card] = cardsOf(message);
        if (card === undefined) return;
        const presses = cardsIn(projectTeams(plainMessage({ extensions: { adaptive_card: card } }))).flatMap(pressesOf);
        // Inputs stay inputs where the card is shown; everything that can be pressed stays pressable.
        const wanted = cardToText(card).actions.filter(({ title }) => !/[✓✗]$/.test(title));
        const links = wanted.flatMap((action) => (action.kind === "open" ? [action.url] : []));
        for (const url of links) expect(presses).toContain(url);
      }),
      { numRuns: 100 },
    );
  });

  test("shows a card as it is, and tells lists of chats what it says", () => {
    const card = {
      type: "AdaptiveCard",
      version: "1.5",
      body: [{ type: "TextBlock", text: "Sunny" }],
      actions: [{ type: "Action.Execute", title: "More", verb: "more", data: { day: 2 } }],
    };
    const scope = { conversation: "c", correlation: "https://smba.trafficmanager.net/emea/" };
    expect(
      projectTeams(plainMessage({ text: "Sunny in Rome", extensions: { adaptive_card: card }, reply_scope: scope })),
    ).toEqual([
      {
        activity: {
          type: "message",
          summary: "Sunny in Rome",
          attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content: card }],
        },
        serviceUrl: "https://smba.trafficmanager.net/emea/",
      },
    ]);
  });

  test("shows what a later version of cards brings as its text and actions", () => {
    const page = {
      type: "CarouselPage",
      items: [{ type: "TextBlock", text: "Page one" }],
      selectAction: { type: "Action.Submit", title: "Open", data: { page: 1 } },
    };
    const [card] = cardsIn(
      projectTeams(
        plainMessage({
          extensions: {
            adaptive_card: { type: "AdaptiveCard", version: "1.6", body: [{ type: "Carousel", items: [page] }] },
          },
        }),
      ),
    );
    expect(card).toMatchObject({
      version: "1.5",
      body: [
        { type: "TextBlock", text: "Page one" },
        { type: "ActionSet", actions: [{ title: "Open", data: { page: 1 } }] },
      ],
    });
  });

  test("never opens a link that could run something", () => {
    const adaptive_card = {
      type: "AdaptiveCard",
      version: "1.5",
      actions: [{ type: "Action.OpenUrl", title: "Go", url: "javascript:alert(1)" }],
    };
    const [card] = cardsIn(projectTeams(plainMessage({ extensions: { adaptive_card } })));
    expect(card).toMatchObject({ actions: [{ type: "Action.Submit", title: "Go: javascript:alert(1)" }] });
  });
});

function isSame(press: string, value: string): boolean {
  try {
    return JSON.stringify(JSON.parse(press)) === JSON.stringify(JSON.parse(value));
  } catch {
    return false;
  }
}
