import { describe, expect, test } from "vitest";
import { plainMessage } from "../../../../test/stand-ins/any-message.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { JsonObject } from "../../../types/index.ts";
import { projectTeams } from "./project.ts";

interface Activity {
  readonly text?: string;
  readonly summary?: string;
  readonly attachments?: readonly { readonly content: JsonObject }[];
}
const activitiesOf = (sends: readonly JsonObject[]): readonly Activity[] =>
  sends.map(({ activity }) => activity as unknown as Activity);
const cardsIn = (sends: readonly JsonObject[]): readonly JsonObject[] =>
  activitiesOf(sends).flatMap(({ attachments }) => (attachments ?? []).map(({ content }) => content));
describe("projectTeams()", () => {
  test("shows a card as it is, and tells lists of chats what it says", () => {
    verifies("channels.teams.project");
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
