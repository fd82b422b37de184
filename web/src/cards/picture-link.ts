import { CardElement } from "adaptivecards";
import type { SerializationContext } from "adaptivecards";
import { safeUrl } from "../markdown/parse.ts";

/**
 * What stands where a card has a picture or recording from elsewhere: its name as a link, and below it where that leads. It asks for
 * the width of the name alone, so that columns as wide as what is in them leave room for the others.
 */
export class PictureLink extends CardElement {
  #name = "";
  #url = "";
  #host = "";

  override getJsonTypeName(): string {
    return "PictureLink";
  }

  protected override internalParse(source: Record<string, unknown>, context: SerializationContext): void {
    super.internalParse(source, context);
    const text = (name: string): string => (typeof source[name] === "string" ? source[name] : "");
    [this.#name, this.#url, this.#host] = [text("name"), text("url"), text("host")];
  }

  protected override internalRender(): HTMLElement {
    const element = document.createElement("div");
    element.className = "picture-link";
    const link = document.createElement("a");
    const url = safeUrl(this.#url);
    if (url !== undefined) link.href = url;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.textContent = this.#name;
    const host = document.createElement("span");
    host.textContent = this.#host;
    element.title = `${this.#name} ${this.#host}`;
    element.append(link, host);
    return element;
  }
}
