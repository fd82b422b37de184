import type { HostServices } from "../component/index.ts";
import type { JsonValue, OutcomeError, TenantCtx, World } from "../types/index.ts";
import { GreenticError, isGreenticError, isRetryable, quote } from "../types/index.ts";
import { checkInput } from "./check-input.ts";
import type { ComponentSurroundings } from "./component-tools.ts";
import { ComponentTools } from "./component-tools.ts";
import type { AnswerElicitation, Elicitation, ElicitationAnswer } from "./elicitation.ts";
import type { BackendCall, BackendResult, ToolBackend, ToolFacts, ToolProgress } from "./tool-backend.ts";
import { errorOf } from "./tool-backend.ts";
import type { ToolMap, ToolMapEntry } from "./tool-map.ts";
import { resolveTool } from "./tool-map.ts";

/** What tools need of their surroundings. */
export interface ToolSurroundings extends ComponentSurroundings {
  readonly world: World;
  /** Serves the tools behind MCP servers; without it they are refused. */
  readonly servers?: ToolBackend;
  /** Serves the tools that are HTTP endpoints; without it they are refused. */
  readonly endpoints?: ToolBackend;
}

/** One call of a tool. */
export interface ToolCall {
  readonly tool: string;
  readonly input: JsonValue;
  readonly services: HostServices;
  /** Default: the tool map's, else the backend's. */
  readonly timeoutMs?: number;
  /** Bounds the call in all, progress or not. Default: the tool map's. */
  readonly maxTimeoutMs?: number;
  /** Where set, it overrides the tool map's; a flow that retries by itself sets 0. */
  readonly maxRetries?: number;
  /** Stops the call: its server is told. */
  readonly signal?: AbortSignal;
  /** What the person said to what this call asked earlier. */
  readonly answers?: readonly ElicitationAnswer[];
  /** Answers what is asked while the call waits. */
  readonly answerNow?: AnswerElicitation;
  readonly onProgress?: (progress: ToolProgress) => void;
}

/** A tool as it describes itself, under the name that the tool map gives it. */
export interface ToolDescription extends ToolFacts {
  readonly name: string;
  readonly component?: string;
  readonly server?: string;
  readonly entry: string;
}

/** How a tool's call ended. */
export type ToolResult =
  | { readonly kind: "ok"; readonly result: JsonValue; readonly content: JsonValue; readonly attempts: number }
  | { readonly kind: "elicit"; readonly elicitation: Elicitation; readonly attempts: number }
  | { readonly kind: "error"; readonly error: OutcomeError; readonly attempts: number };

/** The tools of one tool map: components, MCP servers and HTTP endpoints behind one call. */
export class Tools {
  readonly #map: ToolMap;
  readonly #surroundings: ToolSurroundings;
  readonly #components: ToolBackend;

  constructor(map: ToolMap, surroundings: ToolSurroundings) {
    this.#map = map;
    this.#surroundings = surroundings;
    this.#components = new ComponentTools(surroundings);
  }

  /** Lists the tool map's tools with their schemas. @throws MCP_COMPONENT_UNKNOWN, MCP_TOOL_UNKNOWN, MCP_SERVER_UNKNOWN */
  async list(ctx: TenantCtx, services: HostServices): Promise<readonly ToolDescription[]> {
    const list: ToolDescription[] = [];
    for (const entry of this.#map.tools.values()) list.push(await this.#describe(ctx, entry, services));
    return list;
  }

  /** Describes one tool. @throws as {@link Tools.list} */
  async describe(ctx: TenantCtx, name: string, services: HostServices): Promise<ToolDescription> {
    return this.#describe(ctx, resolveTool(this.#map, name), services);
  }

  /**
   * Checks the input against the tool's schema and calls it, again where the tool map allows it and the failure may go away. A
   * call of which nobody knows whether it did its work is repeated only where the tool map, or else the tool, says that this
   * does no harm. Whatever fails behind the checks is a result.
   * @throws MCP_TOOL_UNKNOWN, MCP_COMPONENT_UNKNOWN, MCP_SERVER_UNKNOWN, MCP_INPUT_INVALID, MCP_SCHEMA_INVALID
   */
  async call(ctx: TenantCtx, call: ToolCall): Promise<ToolResult> {
    const entry = resolveTool(this.#map, call.tool);
    const attempt: BackendCall = {
      input: call.input,
      services: call.services,
      timeoutMs: call.timeoutMs ?? entry.timeoutMs,
      maxTimeoutMs: call.maxTimeoutMs ?? entry.maxTimeoutMs,
      signal: call.signal,
      answers: call.answers ?? [],
      answerNow: call.answerNow,
      onProgress: call.onProgress,
    };
    const maxRetries = call.maxRetries ?? entry.maxRetries;
    for (let attempts = 1; ; attempts++) {
      const result = await this.#attempt(ctx, entry, attempt);
      if (result.kind !== "error") return { ...result, attempts };
      const { error } = result;
      if (!error.retryable || attempts > maxRetries || call.signal?.aborted === true) {
        return { kind: "error", error, attempts };
      }
      await this.#pause(Math.max(entry.retryBackoffMs * 2 ** (attempts - 1), error.backoffMs ?? 0), call.signal);
    }
  }

  async #describe(ctx: TenantCtx, entry: ToolMapEntry, services: HostServices): Promise<ToolDescription> {
    const { target } = entry;
    const facts = await this.#backendOf(entry).describe(ctx, entry, services);
    return {
      ...facts,
      // What the tool map says of repetition goes before what the tool says of itself.
      idempotent: entry.idempotent ?? facts.idempotent,
      name: entry.name,
      entry: entry.entry,
      ...(target.kind === "component" ? { component: target.component } : {}),
      ...(target.kind === "server" ? { server: target.server } : {}),
    };
  }

  async #attempt(ctx: TenantCtx, entry: ToolMapEntry, call: BackendCall): Promise<BackendResult> {
    const backend = this.#backendOf(entry);
    let facts: ToolFacts;
    try {
      facts = await backend.describe(ctx, entry, call.services);
    } catch (error) {
      // Who can't be reached now may be later; any other reason stays.
      if (!isGreenticError(error) || !isRetryable(error.kind)) throw error;
      return { kind: "error", error: errorOf(error) };
    }
    checkInput(entry.name, facts.inputSchema, call.input);
    const result = await backend.invoke(ctx, entry, call);
    if (result.kind !== "error" || result.isUnknown !== true) return result;
    const isRepeatable = entry.idempotent ?? facts.idempotent;
    return { ...result, error: { ...result.error, retryable: result.error.retryable && isRepeatable } };
  }

  #backendOf({ name, target }: ToolMapEntry): ToolBackend {
    const { servers, endpoints } = this.#surroundings;
    const backend = { component: this.#components, server: servers, http: endpoints }[target.kind];
    if (backend !== undefined) return backend;
    throw new GreenticError("MCP_SERVER_UNKNOWN", `Resolve tool ${quote(name)}: nothing here reaches servers`);
  }

  /** Waits, or until the call is given up. */
  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#surroundings.world.schedule(ms, resolve);
    const wake = (): void => resolve();
    if (signal?.aborted === true) resolve();
    signal?.addEventListener("abort", wake, { once: true });
    await promise;
    cancel();
    signal?.removeEventListener("abort", wake);
  }
}
