// What renderers of Adaptive Cards 1.6 need of a card: the shape of its elements and actions, ids of inputs, and targets that are
// there. Values with a template may become anything, so they pass.
import type { JsonObject, JsonValue } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import { escapePointer } from "./json-template.ts";

/** One thing that is wrong with a card. */
export interface CardProblem {
  /** JSON pointer from the card. */
  readonly pointer: string;
  readonly message: string;
  readonly severity: "error" | "warning";
}

const MAX_PROBLEMS = 50;
const MAX_ELEMENTS = 5_000;

interface Shape {
  /** Members that must be there. */
  readonly needs?: readonly string[];
  /** Members that hold a list of elements. */
  readonly items?: readonly string[];
  /** Members that hold a list of actions. */
  readonly actions?: readonly string[];
  /** Members that hold a list of objects, and what each must have. */
  readonly lists?: Readonly<Record<string, readonly string[]>>;
}

const INPUT: Shape = { needs: ["id"] };
const ELEMENTS: Readonly<Record<string, Shape>> = {
  TextBlock: { needs: ["text"] },
  RichTextBlock: { needs: ["inlines"] },
  TextRun: { needs: ["text"] },
  Image: { needs: ["url"] },
  Media: { needs: ["sources"], lists: { sources: ["url"] } },
  Container: { needs: ["items"], items: ["items"] },
  ColumnSet: { items: ["columns"], actions: ["actions"] },
  Column: { items: ["items"] },
  FactSet: { needs: ["facts"], lists: { facts: ["title", "value"] } },
  ImageSet: { needs: ["images"], items: ["images"] },
  ActionSet: { needs: ["actions"], actions: ["actions"] },
  Table: { needs: ["rows"], items: ["rows"] },
  TableRow: { items: ["cells"] },
  TableCell: { needs: ["items"], items: ["items"] },
  "Input.Text": INPUT,
  "Input.Number": INPUT,
  "Input.Date": INPUT,
  "Input.Time": INPUT,
  "Input.Toggle": { needs: ["id", "title"] },
  "Input.ChoiceSet": { needs: ["id"], lists: { choices: ["title", "value"] } },
};
const ACTIONS: Readonly<Record<string, Shape>> = {
  "Action.OpenUrl": { needs: ["url"] },
  "Action.Submit": {},
  "Action.Execute": {},
  "Action.ShowCard": { needs: ["card"] },
  "Action.ToggleVisibility": { needs: ["targetElements"] },
};
/** Elements that stand without a `type` where their place says what they are. */
const IMPLIED: Readonly<Record<string, string>> = {
  columns: "Column",
  images: "Image",
  rows: "TableRow",
  cells: "TableCell",
};

/** Tells whether a value says that it is a card. */
export function isAdaptiveCard(value: JsonValue): value is JsonObject {
  return isJsonObject(value) && value["type"] === "AdaptiveCard";
}

/** Checks a card and the cards in it, in the order of its members. */
export function checkCard(card: JsonObject): readonly CardProblem[] {
  const checker = new CardChecker();
  checker.card(card, "", true);
  checker.targets();
  return checker.problems.slice(0, MAX_PROBLEMS);
}

class CardChecker {
  readonly problems: CardProblem[] = [];
  readonly #ids = new Map<string, string>();
  readonly #targets: { readonly id: string; readonly pointer: string }[] = [];
  #count = 0;

  card(card: JsonObject, pointer: string, isTop: boolean): void {
    if (card["type"] !== "AdaptiveCard") this.#say(`${pointer}/type`, "expected type AdaptiveCard");
    const { version } = card;
    if (isTop && version === undefined) this.#say(pointer, "lacks `version`; write 1.5");
    else if (version !== undefined && !isTemplate(version) && !isVersion(version))
      this.#say(`${pointer}/version`, `expected version 1.0 to 1.6, got ${JSON.stringify(version)}`, "warning");
    this.#elements(card["body"], `${pointer}/body`);
    this.#actions(card["actions"], `${pointer}/actions`);
    if (card["selectAction"] !== undefined) this.#action(card["selectAction"], `${pointer}/selectAction`);
    if (isTop && isEmpty(card["body"]) && isEmpty(card["actions"]))
      this.#say(pointer, "shows nothing: neither body nor actions", "warning");
  }

  /** Says which toggled elements aren't there, once all are known. */
  targets(): void {
    for (const { id, pointer } of this.#targets) {
      if (!this.#ids.has(id)) this.#say(pointer, `no element ${quote(id)}${didYouMean(id, this.#ids.keys())}`);
    }
  }

  #say(pointer: string, message: string, severity: CardProblem["severity"] = "error"): void {
    if (this.problems.length <= MAX_PROBLEMS) this.problems.push({ pointer, message, severity });
  }

  #list(value: JsonValue | undefined, pointer: string, each: (item: JsonValue, at: string) => void): void {
    if (value === undefined || isTemplate(value)) return;
    if (!Array.isArray(value)) this.#say(pointer, "expected a list");
    else value.forEach((item: JsonValue, i) => each(item, `${pointer}/${i}`));
  }

  #elements(value: JsonValue | undefined, pointer: string, implied?: string): void {
    this.#list(value, pointer, (item, at) => this.#element(item, at, implied));
  }

  #actions(value: JsonValue | undefined, pointer: string): void {
    this.#list(value, pointer, (item, at) => this.#action(item, at));
  }

  #element(value: JsonValue, pointer: string, implied: string | undefined): void {
    const found = this.#typed(value, { pointer, shapes: ELEMENTS, implied, what: "element" });
    if (found === undefined) return;
    const { object, type, shape } = found;
    const { id } = object;
    if (typeof id === "string" && !isTemplate(id)) {
      const isInput = type.startsWith("Input.");
      if (this.#ids.has(id)) this.#say(`${pointer}/id`, `id ${quote(id)} stands twice`, isInput ? "error" : "warning");
      this.#ids.set(id, type);
    }
    for (const member of shape.items ?? []) this.#elements(object[member], `${pointer}/${member}`, IMPLIED[member]);
    if (object["selectAction"] !== undefined) this.#action(object["selectAction"], `${pointer}/selectAction`);
    if (type === "Image" || type === "Media") this.#url(object["url"], `${pointer}/url`);
  }

  #action(value: JsonValue, pointer: string): void {
    const found = this.#typed(value, { pointer, shapes: ACTIONS, implied: undefined, what: "action" });
    if (found === undefined) return;
    const { object, type } = found;
    if (type === "Action.OpenUrl") this.#url(object["url"], `${pointer}/url`);
    if (type === "Action.ShowCard" && isJsonObject(object["card"] ?? null))
      this.card(object["card"] as JsonObject, `${pointer}/card`, false);
    if (type === "Action.ToggleVisibility") {
      this.#list(object["targetElements"], `${pointer}/targetElements`, (target, at) => {
        const id = isJsonObject(target) ? target["elementId"] : target;
        if (typeof id === "string" && !isTemplate(id)) this.#targets.push({ id, pointer: at });
      });
    }
  }

  #typed(
    value: JsonValue,
    from: {
      readonly pointer: string;
      readonly shapes: Readonly<Record<string, Shape>>;
      readonly implied: string | undefined;
      readonly what: string;
    },
  ): { readonly object: JsonObject; readonly type: string; readonly shape: Shape } | undefined {
    const { pointer, shapes, implied, what } = from;
    if (isTemplate(value) || ++this.#count > MAX_ELEMENTS) return undefined;
    if (!isJsonObject(value)) {
      // A run of a rich text may be a text alone.
      this.#say(pointer, `expected an ${what}, got ${JSON.stringify(value)?.slice(0, 40)}`);
      return undefined;
    }
    const type = value["type"] ?? implied;
    if (isTemplate(type ?? null)) return undefined;
    if (typeof type !== "string") {
      this.#say(pointer, `the ${what} lacks \`type\``);
      return undefined;
    }
    const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
    if (shape === undefined) {
      const hint = didYouMean(type, Object.keys(shapes));
      // A renderer leaves out what it doesn't know, and shows the element's fallback where it has one.
      const severity = value["fallback"] === undefined && hint !== "" ? "error" : "warning";
      this.#say(`${pointer}/type`, `no ${what} ${quote(type)}${hint}`, severity);
      return undefined;
    }
    for (const member of shape.needs ?? [])
      if (value[member] === undefined) this.#say(pointer, `${quote(type)} lacks ${quote(member)}`);
    for (const [member, needs] of Object.entries(shape.lists ?? {})) {
      this.#list(value[member], `${pointer}/${escapePointer(member)}`, (item, at) => {
        if (isTemplate(item)) return;
        for (const need of needs)
          if (!isJsonObject(item) || item[need] === undefined) this.#say(at, `lacks ${quote(need)}`);
      });
    }
    return { object: value, type, shape };
  }

  #url(value: JsonValue | undefined, pointer: string): void {
    if (value === undefined || isTemplate(value)) return;
    if (typeof value !== "string") this.#say(pointer, "expected a URL");
    else if (/^(?:javascript|vbscript|file):/i.test(value.trim()))
      this.#say(pointer, "renderers refuse this kind of URL");
  }
}

function isVersion(value: JsonValue): boolean {
  return typeof value === "string" && /^1\.[0-6]$/.test(value);
}

function isEmpty(value: JsonValue | undefined): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

function isTemplate(value: JsonValue): boolean {
  return typeof value === "string" && (value.includes("{{") || value.includes("${"));
}
