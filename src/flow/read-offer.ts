import type { JsonObject, JsonValue } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import type { Offer, OfferHints } from "./offer.ts";

/** Tells of a problem at a pointer below `/offer`. */
type Refuse = (problem: string, pointer: string) => void;

const KINDS = ["tool", "prompt", "resource"] as const;
const SHARED = ["title", "description", "logs"];
const KEYS: Readonly<Record<(typeof KINDS)[number], readonly string[]>> = {
  tool: ["tool", ...SHARED, "input", "output", "hints"],
  prompt: ["prompt", ...SHARED, "input"],
  resource: ["resource", ...SHARED, "name", "mime_type"],
};
const HINTS = ["read_only", "destructive", "idempotent", "open_world"] as const;
/** What every client of the protocol takes for a name. */
const NAME = /^[A-Za-z0-9_.-]{1,128}$/;
/** A URI, or a URI template whose expressions are plain names (RFC 6570 level 1). */
const URI = /^[a-z][a-z0-9+.-]*:(?:[^\s{}"<>\\^`|]|\{[A-Za-z_][A-Za-z0-9_]*\})+$/i;

/** Reads what a flow offers; undefined where it isn't usable, which `refuse` has then been told. */
export function readOffer(value: JsonValue, refuse: Refuse): Offer | undefined {
  if (!isJsonObject(value)) return none(refuse, "expected offer to be a map with tool, prompt or resource");
  const kinds = KINDS.filter((kind) => value[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1)
    return none(refuse, `expected offer to name one of tool, prompt and resource, got ${kinds.length}`);
  const reader = new OfferReader(value, refuse);
  const offer = reader.read(kind);
  return reader.isSound ? offer : undefined;
}

function none(refuse: Refuse, problem: string): undefined {
  refuse(problem, "");
  return undefined;
}

class OfferReader {
  isSound = true;
  readonly #value: JsonObject;
  readonly #refuse: Refuse;

  constructor(value: JsonObject, refuse: Refuse) {
    this.#value = value;
    this.#refuse = (problem, pointer) => {
      this.isSound = false;
      refuse(problem, pointer);
    };
  }

  read(kind: (typeof KINDS)[number]): Offer {
    for (const key of Object.keys(this.#value)) {
      if (!KEYS[kind].includes(key))
        this.#refuse(`unknown key ${quote(key)} in offer${didYouMean(key, KEYS[kind])}`, `/${key}`);
    }
    const title = this.#text("title");
    const description = this.#text("description");
    const shared = {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
      logs: this.#flag("logs") ?? false,
    };
    if (kind === "resource") {
      const uri = this.#text("resource") ?? "";
      if (!URI.test(uri) || uri.length > 1_024)
        this.#refuse(
          `expected offer.resource to be a URI or a template like weather://{city}, got ${quote(uri)}`,
          "/resource",
        );
      const mimeType = this.#text("mime_type");
      return { kind, uri, name: this.#text("name") ?? uri, ...shared, ...(mimeType && { mimeType }) };
    }
    const input = this.#schema("input");
    const callable = { name: this.#name(kind), ...shared, ...(input && { input }) };
    if (kind === "prompt") return { kind, ...callable };
    const output = this.#schema("output");
    return { kind, ...callable, ...(output && { output }), hints: this.#hints() };
  }

  #text(key: string): string | undefined {
    const value = this.#value[key];
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    this.#refuse(`expected offer.${key} to be text`, `/${key}`);
    return undefined;
  }

  #flag(key: string): boolean | undefined {
    const value = this.#value[key];
    if (value === undefined || typeof value === "boolean") return value;
    this.#refuse(`expected offer.${key} to be true or false`, `/${key}`);
    return undefined;
  }

  #name(key: string): string {
    const name = this.#text(key) ?? "";
    if (!NAME.test(name))
      this.#refuse(
        `expected offer.${key} to be 1 to 128 letters, digits, "_", "-" and ".", got ${quote(name)}`,
        `/${key}`,
      );
    return name;
  }

  /** A JSON Schema of an object, which is all that the protocol has for what goes in and comes out. */
  #schema(key: string): JsonObject | undefined {
    const schema = this.#value[key];
    if (schema === undefined) return undefined;
    if (isJsonObject(schema) && schema["type"] === "object") {
      const { properties, required } = schema;
      const isPlain =
        (properties === undefined || (isJsonObject(properties) && Object.values(properties).every(isSchema))) &&
        (required === undefined || (Array.isArray(required) && required.every((name) => typeof name === "string")));
      if (isPlain) return schema;
    }
    this.#refuse(`expected offer.${key} to be a JSON Schema with type: object`, `/${key}`);
    return undefined;
  }

  #hints(): OfferHints {
    const hints = this.#value["hints"];
    if (hints === undefined) return {};
    if (isJsonObject(hints)) {
      const unknown = Object.keys(hints).find((key) => !(HINTS as readonly string[]).includes(key));
      if (unknown === undefined && Object.values(hints).every((hint) => typeof hint === "boolean")) {
        const {
          read_only: readOnly,
          destructive,
          idempotent,
          open_world: openWorld,
        } = hints as Record<string, boolean | undefined>;
        return {
          ...(readOnly === undefined ? {} : { readOnly }),
          ...(destructive === undefined ? {} : { destructive }),
          ...(idempotent === undefined ? {} : { idempotent }),
          ...(openWorld === undefined ? {} : { openWorld }),
        };
      }
    }
    this.#refuse(`expected offer.hints to be flags, of ${HINTS.join(", ")}`, "/hints");
    return {};
  }
}

function isSchema(value: JsonValue): boolean {
  return typeof value === "boolean" || isJsonObject(value);
}
