/**
 * What the sources of built-in channels use of Node, for the engine of components: a Promise that settles at once, since every call of the
 * host waits by itself; Buffer, TextDecoder, node:crypto and Intl.Segmenter as far as channels use them.
 */
import { digest, fromBase64, hmac, toBase64, toHex } from "../../src/interfaces/guest/digest.ts";
import type { DigestName } from "../../src/interfaces/guest/digest.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/interfaces/guest/utf8.ts";

type Settled<T> =
  | { readonly kind: "pending" }
  | { readonly kind: "resolved"; readonly value: T }
  | { readonly kind: "rejected"; readonly error: unknown };

/** A Promise whose callbacks run as soon as it is settled, so that what awaits it has run when the call returns. */
export class SyncPromise<T> {
  #state: Settled<T> = { kind: "pending" };
  readonly #waiting: (() => void)[] = [];

  constructor(run: (resolve: (value: T | PromiseLike<T>) => void, reject: (error: unknown) => void) => void) {
    const reject = (error: unknown): void => this.#settle({ kind: "rejected", error });
    const resolve = (value: T | PromiseLike<T>): void => {
      if (isThenable(value)) value.then(resolve, reject);
      else this.#settle({ kind: "resolved", value });
    };
    try {
      run(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  static resolve<T>(value: T | PromiseLike<T>): SyncPromise<T> {
    return value instanceof SyncPromise ? (value as SyncPromise<T>) : new SyncPromise((resolve) => resolve(value));
  }

  static reject(error: unknown): SyncPromise<never> {
    return new SyncPromise((_resolve, reject) => reject(error));
  }

  static all(values: Iterable<unknown>): SyncPromise<unknown[]> {
    return new SyncPromise((resolve, reject) => {
      const results: unknown[] = [];
      for (const value of values) SyncPromise.resolve(value).then((result) => results.push(result), reject);
      resolve(results);
    });
  }

  static withResolvers<T>() {
    let resolve: (value: T | PromiseLike<T>) => void = () => undefined;
    let reject: (error: unknown) => void = () => undefined;
    const promise = new SyncPromise<T>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    return { promise, resolve, reject };
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it stands in for Promise
  then<A = T, B = never>(
    onResolved?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): SyncPromise<A | B> {
    return new SyncPromise<A | B>((resolve, reject) => {
      const step = (): void => {
        const state = this.#state;
        try {
          if (state.kind === "resolved") resolve(onResolved ? onResolved(state.value) : (state.value as unknown as A));
          else if (state.kind === "rejected") {
            if (onRejected) resolve(onRejected(state.error));
            else reject(state.error);
          }
        } catch (error) {
          reject(error);
        }
      };
      if (this.#state.kind === "pending") this.#waiting.push(step);
      else step();
    });
  }

  catch<B>(onRejected: (error: unknown) => B | PromiseLike<B>): SyncPromise<T | B> {
    return this.then(undefined, onRejected);
  }

  finally(run: () => void): SyncPromise<T> {
    return this.then(
      (value) => {
        run();
        return value;
      },
      (error: unknown) => {
        run();
        throw error;
      },
    );
  }

  /** The value now. @throws what it was rejected with; TypeError where it still waits */
  now(): T {
    const state = this.#state;
    if (state.kind === "resolved") return state.value;
    if (state.kind === "rejected") throw state.error;
    throw new TypeError("a call that nothing waits for is still under way");
  }

  #settle(state: Settled<T>): void {
    if (this.#state.kind !== "pending") return;
    this.#state = state;
    for (const step of this.#waiting.splice(0)) step();
  }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

type Encoding = "utf8" | "hex" | "base64" | "base64url" | "buffer";

/** The few of Buffer's functions that channels use. */
export const Buffer = {
  from(value: string | ArrayLike<number>, encoding: Encoding = "utf8"): Uint8Array {
    if (typeof value !== "string") return shown(Uint8Array.from(value));
    if (encoding === "base64" || encoding === "base64url") return shown(fromBase64(value));
    return shown(encodeUtf8(value));
  },
  byteLength: (text: string): number => encodeUtf8(text).length,
  concat(parts: readonly Uint8Array[]): Uint8Array {
    return shown(Uint8Array.from(parts.flatMap((part) => [...part])));
  },
  alloc: (size: number): Uint8Array => shown(new Uint8Array(size)),
};

function shown(bytes: Uint8Array): Uint8Array {
  return Object.assign(bytes, { toString: (encoding: Encoding = "utf8") => encoded(bytes, encoding) });
}

function encoded(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding === "hex") return toHex(bytes);
  const text = encoding === "utf8" ? decodeUtf8(bytes) : toBase64(bytes);
  return encoding === "base64url" ? text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") : text;
}

/** Decodes UTF-8. */
export class TextDecoder {
  decode(bytes: Uint8Array): string {
    return decodeUtf8(bytes);
  }
}

/** Encodes UTF-8. */
export class TextEncoder {
  encode(text: string): Uint8Array {
    return encodeUtf8(text);
  }
}

/** Segments by code points: the engine has no tables of graphemes. */
export const Intl = {
  Segmenter: class {
    *segment(text: string): Generator<{ readonly index: number; readonly segment: string }> {
      let index = 0;
      for (const segment of text) {
        yield { index, segment };
        index += segment.length;
      }
    }
  },
};

/** `hash` of node:crypto. */
export function hash(name: DigestName, data: string | Uint8Array, encoding: Encoding = "hex"): string | Uint8Array {
  const bytes = digest(name, data);
  return encoding === "buffer" ? bytes : encoded(bytes, encoding);
}

/** `createHmac` of node:crypto. */
export function createHmac(name: DigestName, key: string | Uint8Array) {
  const parts: number[] = [];
  const mac = {
    update(data: string | Uint8Array) {
      for (const byte of typeof data === "string" ? encodeUtf8(data) : data) parts.push(byte);
      return mac;
    },
    digest: (encoding: Encoding = "buffer") => {
      const bytes = hmac(name, key, Uint8Array.from(parts));
      return encoding === "buffer" ? bytes : encoded(bytes, encoding);
    },
  };
  return mac;
}

/** `timingSafeEqual` of node:crypto. */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Reads the parameters of a query. */
export class URLSearchParams {
  readonly #pairs: readonly (readonly [string, string])[];

  constructor(query: string) {
    const decode = (text: string): string => {
      try {
        return decodeURIComponent(text.replaceAll("+", " "));
      } catch {
        return text;
      }
    };
    this.#pairs = query
      .replace(/^\?/, "")
      .split("&")
      .filter((pair) => pair !== "")
      .map((pair) => {
        const at = pair.indexOf("=");
        return at < 0 ? [decode(pair), ""] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
      });
  }

  get(name: string): string | null {
    return this.getAll(name)[0] ?? null;
  }

  getAll(name: string): readonly string[] {
    return this.#pairs.filter(([key]) => key === name).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.getAll(name).length > 0;
  }

  entries(): IterableIterator<readonly [string, string]> {
    return this.#pairs.values();
  }
}

/** The origin and path of an absolute HTTP address; the host checks what is really sent. */
export const URL = {
  parse(text: string): { readonly origin: string; readonly protocol: string; readonly href: string } | null {
    const found = /^(https?:)\/\/([A-Za-z0-9.-]+(?::\d{1,5})?)(?:[/?#]\S*)?$/.exec(text);
    return found === null
      ? null
      : { origin: `${found[1] ?? ""}//${(found[2] ?? "").toLowerCase()}`, protocol: found[1] ?? "", href: text };
  },
};
