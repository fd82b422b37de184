import type { JsonObject } from "../../../types/index.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import { shortenText } from "../../split-text.ts";
import { MAX_BODY_UNITS } from "./limits.ts";

/** The template that stands in for a message once the person's 24 hours are over. */
export interface WhatsAppTemplate {
  readonly name: string;
  /** As the platform writes it: `en_US`. */
  readonly language: string;
  /** Whether its body has one parameter, which takes the message's text. */
  readonly hasText: boolean;
}

/** Makes a template's body of a projected one. */
export function templateBody(template: WhatsAppTemplate, body: JsonObject): JsonObject {
  const { name, language, hasText } = template;
  // Parameters hold neither line ends nor tabs nor more than four spaces in a row.
  const text = shortenText(textOf(body).replaceAll(/\s+/g, " ").trim(), MAX_BODY_UNITS);
  const components = hasText && text !== "" ? [{ type: "body", parameters: [{ type: "text", text }] }] : [];
  return { type: "template", template: { name, language: { code: language }, components } };
}

function textOf({ text, interactive }: JsonObject): string {
  return textIn(objectIn(text)?.body) ?? textIn(objectIn(objectIn(interactive)?.body)?.text) ?? "";
}
