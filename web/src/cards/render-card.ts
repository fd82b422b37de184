import {
  AdaptiveCard,
  ExecuteAction,
  GlobalRegistry,
  HostConfig,
  OpenUrlAction,
  SerializationContext,
  SubmitAction,
  Table,
  Version,
  Versions,
} from "adaptivecards";
import type { Action, Input } from "adaptivecards";
import { isRecord } from "../directline/index.ts";
import { parseMarkdown, safeUrl } from "../markdown/parse.ts";
import { toHtml } from "../markdown/to-html.ts";
import { hostConfig } from "./host-config.ts";
import { PictureLink } from "./picture-link.ts";
import "../styles/cards.css";

/** A card that stands in the document. */
export interface RenderedCard {
  readonly element: HTMLElement;
  /** Closes a card with inputs, or opens it again; a card of buttons alone stays a menu. */
  readonly setLocked: (isLocked: boolean) => void;
}

// A module of the renderer that registers itself only is taken for unused by the bundler.
GlobalRegistry.elements.register("Table", Table, Versions.v1_5);
GlobalRegistry.elements.register("PictureLink", PictureLink);
AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = toHtml(parseMarkdown(text));
  result.didProcess = true;
};

/** Renders an Adaptive Card with Microsoft's renderer; undefined where it can't be read. */
export function renderCard(
  payload: unknown,
  options: {
    readonly locale: string;
    /** What was submitted from this card before: shown in its inputs. */
    readonly submitted: unknown;
    readonly onSubmit: (value: unknown, title: string) => void;
  },
): RenderedCard | undefined {
  const card = new AdaptiveCard();
  card.hostConfig = new HostConfig(hostConfig);
  card.lang = options.locale;
  card.onExecuteAction = (action) => execute(action, options.onSubmit);
  let element: HTMLElement | undefined;
  try {
    card.parse(payload, new SerializationContext(new Version(1, 6)));
    const { submitted } = options;
    if (isRecord(submitted)) for (const input of card.getAllInputs()) fill(input, submitted[input.id ?? ""]);
    element = card.render();
  } catch {
    return undefined;
  }
  if (element === undefined) return undefined;
  // The renderer makes the card itself a tab stop, which says nothing and does nothing.
  element.removeAttribute("tabindex");
  const rendered = element;
  const hasInputs = card.getAllInputs().length > 0;
  return {
    element: rendered,
    setLocked: (isLocked) => {
      const isClosed = isLocked && hasInputs;
      rendered.classList.toggle("is-submitted", isClosed);
      const controls = rendered.querySelectorAll<HTMLInputElement>("input, textarea, select, button");
      for (const control of controls) control.disabled = isClosed;
    },
  };
}

/** Every input of the renderer has a default value, of which its own types name only the narrower kinds. */
function fill(input: Input, value: unknown): void {
  if (typeof value === "string") Object.assign(input, { defaultValue: value });
}

function execute(action: Action, onSubmit: (value: unknown, title: string) => void): void {
  if (action instanceof OpenUrlAction) {
    const url = safeUrl(action.url);
    if (url !== undefined) open(url, "_blank", "noopener,noreferrer");
  } else if (action instanceof ExecuteAction) {
    const { data, verb } = action;
    onSubmit(typeof data === "object" ? { ...data, verb } : { verb }, action.title ?? "");
  } else if (action instanceof SubmitAction) {
    onSubmit(action.data ?? {}, action.title ?? "");
  }
}
