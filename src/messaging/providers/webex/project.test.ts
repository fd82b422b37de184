import { describe, expect, test } from "vitest";
import { plainMessage } from "../../../../test/stand-ins/any-message.ts";
import { verifies } from "../../../../test/verifies.ts";
import { projectWebex } from "./project.ts";

describe("projectWebex()", () => {
  test("shows a card as one of version 1.3, and says the text plainly", () => {
    verifies("channels.webex.project");
    const card = {
      type: "AdaptiveCard",
      version: "1.5",
      body: [
        { type: "TextBlock", text: "Sunny" },
        { type: "Table", rows: [{ type: "TableRow", cells: [{ items: [{ type: "TextBlock", text: "a" }] }] }] },
      ],
      actions: [{ type: "Action.Execute", title: "More", verb: "more", data: { day: 2 } }],
    };
    expect(projectWebex(plainMessage({ text: "Sunny in Rome", extensions: { adaptive_card: card } }))).toEqual([
      {
        text: "Sunny in Rome",
        attachments: [
          {
            contentType: "application/vnd.microsoft.card.adaptive",
            content: {
              type: "AdaptiveCard",
              version: "1.3",
              body: [
                { type: "TextBlock", text: "Sunny" },
                { type: "TextBlock", text: "a", wrap: true },
              ],
              actions: [{ type: "Action.Submit", title: "More", data: { action: "more", day: 2 } }],
            },
          },
        ],
      },
    ]);
    const hostile = "**bold** <@all> <@personEmail:a@b.c> [x](https://evil.example) `code`";
    expect(projectWebex(plainMessage({ text: hostile }))).toEqual([{ text: hostile }]);
  });
});
