// Whoever imports the library has the modules of the host with it; no import names a file of declarations.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./host.d.ts" />
import type * as httpModule from "greentic:http/http-client@1.1.0";
import type * as secretsModule from "greentic:secrets-store/secrets-store@1.0.0";
import type * as stateModule from "greentic:state/state-store@1.0.0";
import type * as toolsModule from "greentic:host/tools@1.0.0";
import type * as assetsModule from "greentic:host/assets@1.0.0";
import type * as telemetryModule from "greentic:telemetry/logger-api@1.0.0";
import { HostError } from "./component-error.ts";
import type { HostErrorCode } from "./component-error.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** The host's modules that a component's build imports, one for each grant; what wasn't granted is absent. */
export interface HostModules {
  readonly http?: typeof httpModule;
  readonly secrets?: typeof secretsModule;
  readonly state?: typeof stateModule;
  readonly tools?: typeof toolsModule;
  readonly assets?: typeof assetsModule;
  readonly telemetry?: typeof telemetryModule;
}

/** An outbound request. */
export interface FetchOptions {
  /** Default GET, or POST where there is a body. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Sent as JSON, with its content type; instead of `body`. */
  readonly json?: unknown;
  readonly timeoutMs?: number;
  /** Default true. */
  readonly followRedirects?: boolean;
}

/** What a server answered. */
export interface FetchResponse {
  readonly status: number;
  /** Whether the status is 200 to 299. */
  readonly ok: boolean;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  readonly text: () => string;
  /** Throws SyntaxError. */
  readonly json: () => unknown;
}

/** What a component reaches of the host. Every call waits for its answer and throws a {@link HostError} where there is none. */
export interface HostFunctions {
  /** Sends requests to the origins of `[grants] http`. */
  readonly http: { readonly fetch: (url: string, options?: FetchOptions) => FetchResponse };
  /** Reads the secrets of `[grants] secrets`. */
  readonly secrets: {
    /** Throws a HostError of code not_found where there is none. */
    readonly get: (name: string) => string;
    readonly getBytes: (name: string) => Uint8Array | undefined;
  };
  /** Keeps JSON values of the session under the component's own prefix. */
  readonly state: {
    /** undefined where there is none. */
    readonly get: (key: string) => unknown;
    readonly set: (key: string, value: unknown) => void;
    readonly delete: (key: string) => void;
  };
  /** Calls the tools of `[grants] tools`. */
  readonly tools: { readonly invoke: (name: string, input: unknown) => unknown };
  /** Reads the files of the pack's `assets/`. */
  readonly assets: {
    readonly read: (path: string) => Uint8Array;
    readonly readText: (path: string) => string;
  };
  readonly log: Readonly<Record<"debug" | "info" | "warn" | "error", LogFunction>>;
}

type LogFunction = (message: string, fields?: Readonly<Record<string, unknown>>) => void;
type Capability = keyof HostModules;

/** Makes the functions over the modules that were imported. */
export function hostFunctions(modules: HostModules): HostFunctions {
  const use = <C extends Exclude<Capability, "telemetry">>(capability: C): NonNullable<HostModules[C]> => {
    const module = modules[capability];
    if (module === undefined)
      throw new HostError(capability, "denied", `component.toml grants no ${capability} in [grants]`);
    return module;
  };
  const readSecret = (name: string): Uint8Array | undefined =>
    asking("secrets", () => use("secrets").get(name)) ?? undefined;
  return {
    http: { fetch: (url, options = {}) => fetchFrom(use("http"), url, options) },
    secrets: {
      get: (name) => {
        const bytes = readSecret(name);
        if (bytes === undefined) throw new HostError("secrets", "not_found", `no secret ${JSON.stringify(name)}`);
        return decodeUtf8(bytes);
      },
      getBytes: readSecret,
    },
    state: {
      get: (key) => {
        try {
          return JSON.parse(decodeUtf8(asking("state", () => use("state").read(key, null)))) as unknown;
        } catch (error) {
          if (error instanceof HostError && error.reason === "not_found") return undefined;
          throw error;
        }
      },
      set: (key, value) => {
        const bytes = encodeUtf8(JSON.stringify(value ?? null));
        asking("state", () => use("state").write(key, bytes, null));
      },
      delete: (key) => void asking("state", () => use("state").delete(key, null)),
    },
    tools: {
      invoke: (name, input) =>
        JSON.parse(asking("tools", () => use("tools").invoke(name, JSON.stringify(input ?? null)))) as unknown,
    },
    assets: {
      read: (path) => asking("assets", () => use("assets").read(path)),
      readText: (path) => decodeUtf8(asking("assets", () => use("assets").read(path))),
    },
    log: {
      debug: logger(modules, "debug"),
      info: logger(modules, "info"),
      warn: logger(modules, "warn"),
      error: logger(modules, "error"),
    },
  };
}

function fetchFrom(http: NonNullable<HostModules["http"]>, url: string, options: FetchOptions): FetchResponse {
  const { method, headers = {}, body, json, timeoutMs, followRedirects } = options;
  const pairs = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  if (json !== undefined && !pairs.some(([name]) => name === "content-type"))
    pairs.push(["content-type", "application/json"]);
  const text = json === undefined ? body : JSON.stringify(json);
  const bytes = typeof text === "string" ? encodeUtf8(text) : (text ?? null);
  const answer = asking("http", () =>
    http.send(
      { method: method ?? (bytes === null ? "GET" : "POST"), url, headers: pairs, body: bytes },
      { timeoutMs: timeoutMs ?? null, allowInsecure: null, followRedirects: followRedirects ?? null },
      null,
    ),
  );
  const content = answer.body ?? new Uint8Array();
  return {
    status: answer.status,
    ok: answer.status >= 200 && answer.status < 300,
    headers: Object.fromEntries(answer.headers.map(([name, value]) => [name.toLowerCase(), value])),
    bytes: content,
    text: () => decodeUtf8(content),
    json: () => JSON.parse(decodeUtf8(content)) as unknown,
  };
}

// What the host says of tenant, flow and node counts; the span is only the form of the interface.
const SPAN = { tenant: "", sessionId: null, flowId: "", nodeId: null, provider: "", startMs: null, endMs: null };

function logger({ telemetry }: HostModules, level: string): LogFunction {
  return (message, fields = {}) => {
    const pairs = Object.entries(fields).map(([name, value]): [string, string] => [
      name,
      typeof value === "string" ? value : (JSON.stringify(value) ?? ""),
    ]);
    telemetry?.log(SPAN, [["level", level], ["message", message], ...pairs], null);
  };
}

const CODES: readonly HostErrorCode[] = ["denied", "unavailable", "timeout", "invalid", "not_found", "internal"];

/** Turns the error side of a host function's result into a HostError. */
function asking<T>(capability: Capability, ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (error instanceof HostError) throw error;
    const payload: unknown = (error as { payload?: unknown }).payload;
    if (payload === undefined) throw error;
    const { code, message } =
      typeof payload === "string"
        ? { code: payload.split(":", 1)[0] ?? "", message: payload }
        : (payload as { code: string; message: string });
    const name = code.replace("-", "_").replace("invalid_key", "invalid") as HostErrorCode;
    throw new HostError(capability, CODES.includes(name) ? name : "internal", message);
  }
}
