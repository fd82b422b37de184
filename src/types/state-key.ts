import { GreenticError } from "./errors.ts";
import { quote } from "./ids.ts";

/** Names one value of a session's working memory: `prefix/key`. */
export interface StateKey {
  /** Who keeps it: `flow` for flows' own values, a component's id for a component's. */
  readonly prefix: string;
  readonly key: string;
}

const PART = /^[^/\u0000-\u001f\u007f-\u009f]{1,256}$/u;

/** Checks and makes a state key. @throws TYPES_KEY_INVALID */
export function stateKey(prefix: string, key: string): StateKey {
  if (!PART.test(prefix) || !PART.test(key)) {
    throw new GreenticError(
      "TYPES_KEY_INVALID",
      `Read state key: expected 1 to 256 printable characters without "/", got ${quote(`${prefix}/${key}`)}`,
    );
  }
  return { prefix, key };
}

/** Formats a state key as `prefix/key`; neither part holds a slash, so this is injective. */
export function formatStateKey(key: StateKey): string {
  return `${key.prefix}/${key.key}`;
}
