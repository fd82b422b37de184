import type { LlmModelConfig } from "../config/index.ts";
import type { TenantCtx, World } from "../types/index.ts";
import { didYouMean, GreenticError, isGreenticError, isRetryable, quote } from "../types/index.ts";
import type { OpenChat } from "./ask-model.ts";
import { askModel } from "./ask-model.ts";
import type { ChatAnswer, ChatRequest } from "./chat.ts";
import { chatBody, estimateTokens } from "./chat-body.ts";

/** What models need of the host. */
export interface ModelsOptions {
  readonly models: readonly LlmModelConfig[];
  readonly world: World;
  readonly open: OpenChat;
  /** Reads a model's key, by the name or address that its configuration gives. */
  readonly secret: (ctx: TenantCtx, name: string) => Promise<string | undefined>;
  /** Takes tokens out of a bucket that all processes share, or none; a negative count gives back. @returns 0, or how long to wait */
  readonly takeTokens: (
    bucket: string,
    rate: { readonly capacity: number; readonly perSecond: number },
    tokens: number,
  ) => Promise<number>;
}

/** How long and how often a question is asked. */
interface AskLimits {
  readonly signal: AbortSignal;
  /** When the question with its repetitions is over. */
  readonly deadlineMs: number;
  /** How often a failure that may pass is met with another attempt. */
  readonly maxRetries: number;
  /** Told of each attempt, for telemetry: figures and codes alone. */
  readonly onAttempt?: (attempt: ModelAttempt) => void;
}

/** One attempt to get an answer: what telemetry may know of it. */
export interface ModelAttempt {
  readonly model: LlmModelConfig;
  readonly maxTokens: number;
  readonly durationMs: number;
  readonly answer?: Omit<ChatAnswer, "text" | "toolCalls">;
  readonly errorCode?: string;
}

const DAY_SECONDS = 86_400;
const BACKOFF_MS = 250;
/** Failures with which a server says that it asked no model. */
const UNUSED: ReadonlySet<string> = new Set([
  "LLM_RATE_LIMITED",
  "LLM_UNAUTHORIZED",
  "LLM_REQUEST_REFUSED",
  "LLM_CONTEXT_TOO_LONG",
]);

/** The models that the operator lends to packs. */
export class Models {
  readonly #options: ModelsOptions;
  readonly #byName: ReadonlyMap<string, LlmModelConfig>;

  constructor(options: ModelsOptions) {
    this.#options = options;
    this.#byName = new Map(options.models.map((model) => [model.name, model]));
  }

  /** Finds a model by its name. @throws LLM_MODEL_UNKNOWN, LLM_MODEL_DENIED */
  find(ctx: TenantCtx, name: string): LlmModelConfig {
    const model = this.#byName.get(name);
    if (model === undefined) {
      const hint = didYouMean(name, this.#byName.keys());
      throw new GreenticError(
        "LLM_MODEL_UNKNOWN",
        `Find model ${quote(name)}: the operator declares none of that name${hint}`,
      );
    }
    if (model.tenants.includes("*") || model.tenants.includes(ctx.tenant)) return model;
    throw new GreenticError(
      "LLM_MODEL_DENIED",
      `Find model ${quote(name)}: it isn't lent to tenant ${quote(ctx.tenant)}`,
    );
  }

  /**
   * Asks a model, again where the failure may pass and the time allows it. The tenant's tokens of the day are taken before, from
   * above, and what wasn't used is given back.
   * @throws LLM_QUOTA_EXCEEDED, LLM_SECRET_MISSING and what {@link askModel} throws
   */
  async ask(ctx: TenantCtx, { model, request, limits }: ModelAsk): Promise<ChatAnswer> {
    const { world } = this.#options;
    const key = await this.#keyOf(ctx, model);
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#askOnce(ctx, { model, request, limits, key, leftMs: limits.deadlineMs - world.nowMs() });
      } catch (error) {
        const mayPass = isGreenticError(error) && isRetryable(error.kind) && error.code !== "LLM_QUOTA_EXCEEDED";
        if (!mayPass || attempt >= limits.maxRetries || limits.signal.aborted) throw error;
        const waitMs = Math.max(error.retryAfterMs ?? 0, this.#backoffMs(attempt));
        if (world.nowMs() + waitMs >= limits.deadlineMs) throw error;
        await this.#pause(waitMs, limits.signal);
      }
    }
  }

  async #askOnce(
    ctx: TenantCtx,
    { model, request, limits, key, leftMs }: ModelAsk & { readonly key: string | undefined; readonly leftMs: number },
  ): Promise<ChatAnswer> {
    const { world, open } = this.#options;
    const body = chatBody(model, request);
    const reserved = estimateTokens(body) + request.maxTokens;
    await this.#reserve(ctx, model, reserved);
    const startedMs = world.monotonicMs();
    const told = { model, maxTokens: request.maxTokens };
    let used = 0;
    try {
      const timeoutMs = Math.max(1, Math.min(model.timeoutMs, leftMs));
      const said = await askModel({ model, body, key, timeoutMs, signal: limits.signal }, { open, world });
      const { text, toolCalls, finishReason, firstChunkMs } = said;
      const written = toolCalls.reduce((sum, call) => sum + call.argumentsText.length, text.length);
      const usage = said.usage ?? { inputTokens: reserved - request.maxTokens, outputTokens: Math.ceil(written / 2) };
      used = usage.inputTokens + usage.outputTokens;
      const facts = {
        finishReason,
        model: said.model,
        usage,
        ...(firstChunkMs === undefined ? {} : { firstChunkMs }),
      };
      limits.onAttempt?.({ ...told, durationMs: world.monotonicMs() - startedMs, answer: facts });
      return { ...facts, text, toolCalls };
    } catch (error) {
      const errorCode = isGreenticError(error) ? error.code : "LLM_UNAVAILABLE";
      limits.onAttempt?.({ ...told, durationMs: world.monotonicMs() - startedMs, errorCode });
      // A server that had begun to answer may count what it read.
      if (!UNUSED.has(errorCode)) used = reserved - request.maxTokens;
      throw error;
    } finally {
      await this.#settle(ctx, model, used - reserved);
    }
  }

  async #keyOf(ctx: TenantCtx, { name, secret }: LlmModelConfig): Promise<string | undefined> {
    if (secret === undefined) return undefined;
    const key = (await this.#options.secret(ctx, secret))?.trim();
    if (key !== undefined && key !== "") return key;
    throw new GreenticError("LLM_SECRET_MISSING", `Ask model ${quote(name)}: no secret ${quote(secret)}`);
  }

  async #reserve(ctx: TenantCtx, model: LlmModelConfig, tokens: number): Promise<void> {
    const { tokensPerDay } = model;
    if (tokensPerDay === undefined) return;
    const doing = `Ask model ${quote(model.name)}: `;
    if (tokens > tokensPerDay)
      throw new GreenticError(
        "LLM_QUOTA_EXCEEDED",
        `${doing}up to ${tokens} tokens, ${tokensPerDay} a day are allowed`,
      );
    const retryAfterMs = await this.#options.takeTokens(bucketOf(ctx, model), rateOf(tokensPerDay), tokens);
    if (retryAfterMs === 0) return;
    throw new GreenticError("LLM_QUOTA_EXCEEDED", `${doing}the tenant's tokens of the day are used up`, {
      retryAfterMs,
    });
  }

  /** Gives back what wasn't used; what was used beyond the estimate is taken as far as it is there. */
  async #settle(ctx: TenantCtx, model: LlmModelConfig, difference: number): Promise<void> {
    const { tokensPerDay } = model;
    if (tokensPerDay === undefined || difference === 0) return;
    const tokens = Math.min(difference, tokensPerDay);
    try {
      await this.#options.takeTokens(bucketOf(ctx, model), rateOf(tokensPerDay), tokens);
    } catch {
      // An answer that is there counts more than what isn't given back: the bucket fills by itself.
    }
  }

  #backoffMs(attempt: number): number {
    const chance = (this.#options.world.randomBytes(1)[0] ?? 0) / 255;
    return BACKOFF_MS * 2 ** attempt * (0.75 + chance / 2);
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.world.schedule(ms, resolve);
    const wake = (): void => resolve();
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    cancel();
    signal.removeEventListener("abort", wake);
  }
}

/** A question to a model that was found. */
export interface ModelAsk {
  readonly model: LlmModelConfig;
  readonly request: ChatRequest;
  readonly limits: AskLimits;
}

function bucketOf({ env, tenant }: TenantCtx, { name }: LlmModelConfig): string {
  return `llm:${env}:${tenant}:${name}`;
}

function rateOf(tokensPerDay: number): { readonly capacity: number; readonly perSecond: number } {
  return { capacity: tokensPerDay, perSecond: tokensPerDay / DAY_SECONDS };
}
