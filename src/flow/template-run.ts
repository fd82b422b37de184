import { GreenticError } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { FlowScope } from "./scope.ts";

/** Bounds of one rendering; user data decides how often a loop turns, so the template's own size is no bound. */
export const MAX_OUTPUT_CHARS = 256 * 1024;
const MAX_STEPS = 100_000;

/** What a template's loops and `with` blocks see as `this`, and how they got there. */
export interface Frame {
  /** Undefined at the top, where names are looked up in the data and the scope. */
  readonly context: JsonValue | undefined;
  readonly parent: Frame | undefined;
  readonly loop: Loop | undefined;
  readonly names: ReadonlyMap<string, JsonValue> | undefined;
}

/** The `@` variables of a turn of a loop. */
interface Loop {
  readonly index: number;
  readonly key: string | number;
  readonly first: boolean;
  readonly last: boolean;
}

/** One rendering of one template. */
export class TemplateRun {
  readonly scope: FlowScope;
  readonly data: JsonValue | undefined;
  out = "";
  #steps = 0;
  #chars = 0;

  constructor(scope: FlowScope, data: JsonValue | undefined) {
    this.scope = scope;
    this.data = data;
  }

  /** Appends text to the output. @throws FLOW_TEMPLATE_TOO_LARGE */
  emit(text: string): void {
    this.charge(text.length);
    this.out += text;
  }

  /** Counts text that was made, whether it is printed or not. @throws FLOW_TEMPLATE_TOO_LARGE */
  charge(chars: number): void {
    this.#chars += chars;
    if (this.#chars > MAX_OUTPUT_CHARS) {
      throw new GreenticError(
        "FLOW_TEMPLATE_TOO_LARGE",
        `Render template: expected at most ${MAX_OUTPUT_CHARS} characters, got more`,
      );
    }
  }

  /** Counts one turn of a loop or one call. @throws FLOW_TEMPLATE_TOO_LARGE */
  step(): void {
    if (++this.#steps > MAX_STEPS) {
      throw new GreenticError(
        "FLOW_TEMPLATE_TOO_LARGE",
        `Render template: expected at most ${MAX_STEPS} steps, got more`,
      );
    }
  }
}

/** The frame at the top of every template. */
export const TOP_FRAME: Frame = { context: undefined, parent: undefined, loop: undefined, names: undefined };

/** Prints a value as text: nothing for null, lists joined by commas, objects as JSON. */
export function toText(value: JsonValue | undefined): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null)) return value.join(",");
  return JSON.stringify(value);
}
