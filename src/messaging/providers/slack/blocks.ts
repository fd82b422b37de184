import type { JsonObject } from "../../../types/index.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { encodeChoice } from "../../choice.ts";
import {
  MAX_HEADER_UNITS,
  MAX_ROW_BUTTONS,
  MAX_SECTION_UNITS,
  MAX_TITLE_UNITS,
  MAX_TOTAL_UNITS,
  MAX_URL_UNITS,
  MAX_VALUE_BYTES,
} from "./limits.ts";
import { escapeSlack, shortEscaped, splitEscaped } from "./text.ts";

/** Text as it is: what is shown so has no formatting, no mentions and no links, and `:names:` stay names. */
export const plainText = (text: string): JsonObject => ({ type: "plain_text", text, emoji: false });

/** What a press on a button is for, as its `action_id` begins: leads somewhere, says its value, or says it with its card's inputs. */
export type ButtonUse = "u" | "n" | "s";

/** Collects blocks in order: lines become sections, actions rows of buttons. */
export class BlockList {
  readonly #blocks: JsonObject[] = [];
  #lines: string[] = [];
  #buttons: JsonObject[] = [];
  #count = 0;
  readonly #card: number;

  /** `card` tells this card's inputs and buttons from those of others in the same message. */
  constructor(card = 0) {
    this.#card = card;
  }

  addText(text: string): void {
    if (text.trim() === "") return;
    this.#flushButtons();
    this.#lines.push(text);
  }

  /** A title, where it is short enough for one. */
  addHeader(text: string): void {
    const title = escapeSlack(text).trim();
    if (title === "" || title.length > MAX_HEADER_UNITS || title.includes("\n")) return this.addText(text);
    this.add({ type: "header", text: plainText(title) });
  }

  addAction(action: CardAction, use: Exclude<ButtonUse, "u"> = "n"): void {
    const title = action.title.replaceAll(/\s+/g, " ").trim();
    const isShort = escapeSlack(title).length <= MAX_TITLE_UNITS;
    // A title too long for a button is spelled out above it.
    if (!isShort) this.addText(`• ${title}`);
    if (action.kind === "open" && action.url.length > MAX_URL_UNITS) return this.addText(`${title}: ${action.url}`);
    this.#flushText();
    const isOpen = action.kind === "open";
    this.#buttons.push({
      type: "button",
      action_id: `${isOpen ? "u" : use}${this.#card}:${this.#count++}`,
      text: plainText(shortEscaped(title, MAX_TITLE_UNITS, "→")),
      ...(isOpen ? { url: action.url } : { value: encodeChoice(action.value, MAX_VALUE_BYTES) }),
    });
  }

  add(block: JsonObject): void {
    this.#flushText();
    this.#flushButtons();
    this.#blocks.push(block);
  }

  end(): readonly JsonObject[] {
    this.#flushText();
    this.#flushButtons();
    return this.#blocks;
  }

  #flushText(): void {
    const text = this.#lines.join("\n");
    this.#lines = [];
    for (const part of splitEscaped(text, MAX_SECTION_UNITS))
      this.#blocks.push({ type: "section", text: plainText(part) });
  }

  #flushButtons(): void {
    let row: JsonObject[] = [];
    let units = 0;
    const end = (): void => {
      if (row.length > 0) this.#blocks.push({ type: "actions", elements: row });
      row = [];
      units = 0;
    };
    for (const button of this.#buttons) {
      const size = JSON.stringify(button).length;
      if (row.length === MAX_ROW_BUTTONS || units + size > MAX_TOTAL_UNITS / 2) end();
      row.push(button);
      units += size;
    }
    end();
    this.#buttons = [];
  }
}
