import { assert, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { anyText, plainMessage } from "../../../../test/stand-ins/any-message.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { JsonObject } from "../../../types/index.ts";
import { numberedWhatsApp, projectWhatsApp } from "./project.ts";

interface Body {
  readonly text?: { readonly body: string; readonly preview_url: boolean };
  readonly interactive?: {
    readonly body: { readonly text: string };
    readonly action: {
      readonly buttons?: readonly { readonly reply: Choice }[];
      readonly sections?: readonly { readonly rows: readonly Choice[] }[];
    };
  };
}
interface Choice {
  readonly id: string;
  readonly title: string;
}
const bodiesOf = (sends: readonly JsonObject[]): readonly Body[] => sends.map(({ body }) => body as unknown as Body);
const textOf = (sends: readonly JsonObject[]): string =>
  bodiesOf(sends)
    .map(({ text, interactive }) => text?.body ?? interactive?.body.text ?? "")
    .join("");
const suggestions = (count: number, title = "Choice #"): ReturnType<typeof plainMessage> =>
  plainMessage({
    text: "Which?",
    extensions: {
      suggested_actions: Array.from({ length: count }, (_, at) => ({
        title: title.replace("#", String(at + 1)),
        value: `v${at + 1}`,
      })),
    },
  });

describe("projectWhatsApp()", () => {
  test("leaves nothing in a text that would open a format", () => {
    verifies("channels.whatsapp.project");
    assert(
      property(anyText, (text) => {
        const shown = textOf(projectWhatsApp(plainMessage({ text })));
        expect(shown.replaceAll(/https?:\/\/\S+/g, "")).not.toMatch(/(?<![\p{L}\p{N}])[*_~](?=\S)|`|^>\s/mu);
      }),
      { numRuns: 150 },
    );
    const shown = textOf(projectWhatsApp(plainMessage({ text: "2 * 3, snake_case, *no* https://x.example/_next_/a" })));
    expect(shown).toBe("2 * 3, snake_case, ∗no* https://x.example/_next_/a");
  });

  test("makes up to three short choices buttons, up to ten a list, and numbers more", () => {
    expect(bodiesOf(projectWhatsApp(suggestions(3)))).toMatchObject([
      {
        interactive: {
          type: "button",
          body: { text: "Which?" },
          action: { buttons: [{ reply: { id: "v1" } }, {}, {}] },
        },
      },
    ]);
    expect(bodiesOf(projectWhatsApp(suggestions(2, "Choice # with a longer title")))).toMatchObject([
      {
        interactive: {
          type: "list",
          action: { sections: [{ rows: [{ id: "v1", description: "Choice 1 with a longer title" }, { id: "v2" }] }] },
        },
      },
    ]);
    const many = projectWhatsApp(suggestions(12));
    expect(textOf(many)).toMatch(/^Which\?\n\n1\. Choice 1\n2\. Choice 2\n[^]*12\. Choice 12$/);
    expect(numberedWhatsApp(suggestions(12))).toHaveLength(12);
    expect(numberedWhatsApp(suggestions(10))).toEqual([]);
  });

  test("numbers choices that would look alike, since the platform refuses them", () => {
    const message = plainMessage({
      extensions: {
        suggested_actions: [
          { title: "Yes", value: "a" },
          { title: "Yes", value: "b" },
        ],
      },
    });
    expect(textOf(projectWhatsApp(message))).toBe("1. Yes\n2. Yes");
    expect(numberedWhatsApp(message)).toEqual(["a", "b"]);
  });

  test("says until when more than a template may be sent", () => {
    const scope = { conversation: "16505551234", correlation: "1700000000" };
    const [send] = projectWhatsApp(plainMessage({ text: "a", reply_scope: scope }));
    expect(send).toEqual({
      body: { type: "text", text: { body: "a", preview_url: false } },
      windowEndsMs: 1_700_086_400_000,
    });
  });
});
