import type { CompiledFlow, FlowScope } from "../flow/index.ts";
import type { Lease } from "../session/index.ts";
import { WorkingSet } from "../state/index.ts";
import type {
  ChannelMessageEnvelope,
  ErrorCode,
  GreenticError,
  JsonObject,
  JsonValue,
  TenantCtx,
} from "../types/index.ts";
import { parseSessionKey } from "../types/index.ts";
import type { EngineEnv } from "./engine-env.ts";
import type { Frame } from "./frame.ts";
import { FLOW_STATE_PREFIX } from "./kinds/state.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import { questionOf } from "./policy-questions.ts";
import { readLocale } from "./read-locale.ts";
import { stateGrowth } from "./stored-growth.ts";
import { builtInText, fillText, isTextKey } from "./texts.ts";
import { calledParameters } from "./flow-offers.ts";
import { entryOf } from "./turn-entry.ts";

const NO_NODES: Readonly<Record<string, JsonValue>> = Object.freeze(Object.create(null) as Record<string, JsonValue>);
const NO_VARS: JsonObject = Object.freeze({});

/** What flows see while a turn runs. Everything that costs is made when a flow first asks for it. */
export abstract class TurnScope implements FlowScope {
  readonly env: EngineEnv;
  readonly lease: Lease;
  readonly message: ChannelMessageEnvelope | undefined;
  readonly nowMs: number;
  readonly working: WorkingSet;
  locale: string;
  protected frames: Frame[] = [];
  /** The frame that runs; undefined before the first and after the last. */
  protected frame: Frame | undefined;
  /** The pack that speaks where no flow runs, or that ran last. */
  protected speaking: LoadedPack | undefined;
  #in: JsonValue | undefined;
  #ctx: TenantCtx | undefined;
  #now: JsonObject | undefined;
  #values: JsonObject | undefined;
  #valuesOf = -1;

  constructor(
    env: EngineEnv,
    lease: Lease,
    trigger: {
      readonly message: ChannelMessageEnvelope | undefined;
      readonly nowMs: number;
      /** The state as a turn has it that this one is a part of. */
      readonly state?: ReadonlyMap<string, JsonValue> | undefined;
    },
  ) {
    this.env = env;
    this.lease = lease;
    this.message = trigger.message;
    this.nowMs = trigger.nowMs;
    this.working = new WorkingSet(
      trigger.state ?? lease.state,
      stateGrowth(env, lease, (error) => this.tellDenied(error)),
    );
    this.locale = readLocale(trigger.message?.metadata["locale"]) ?? lease.session?.locale ?? env.limits.locale;
  }

  protected abstract readonly traceId: string;

  /** The pack that runs or speaks. */
  get loaded(): LoadedPack | undefined {
    return this.frame?.pack ?? this.speaking;
  }

  get in(): JsonValue {
    const entry = this.frame?.entry;
    return entry === undefined ? this.arrived : entry;
  }

  /** What arrived, for flows that were given nothing else. */
  get arrived(): JsonValue {
    return (this.#in ??= entryOf(this.message));
  }

  get prev(): JsonValue {
    return this.frame?.prev ?? null;
  }

  get nodes(): Readonly<Record<string, JsonValue>> {
    return this.frame?.nodes ?? NO_NODES;
  }

  get vars(): JsonObject {
    return this.frame?.vars ?? NO_VARS;
  }

  get parameters(): JsonObject {
    const { flow } = this;
    if (flow === undefined) return NO_VARS;
    return flow.ir.offer === undefined ? flow.ir.parameters : calledParameters(flow.ir, this.message);
  }

  get flow(): CompiledFlow | undefined {
    return this.frame?.flow.compiled;
  }

  get state(): JsonValue {
    const { size } = this.working;
    if (this.#values === undefined || this.#valuesOf !== this.stateVersion) {
      const values = Object.create(null) as Record<string, JsonValue>;
      if (size > 0) for (const [key, value] of this.working.entries(FLOW_STATE_PREFIX)) values[key] = value;
      this.#values = values;
      this.#valuesOf = this.stateVersion;
    }
    return this.#values;
  }

  /** Changes with every node, so that `state` is made anew at most once a node. */
  protected stateVersion = 0;

  get session(): JsonValue {
    const { ctx } = this;
    return {
      id: this.message?.session_id ?? "",
      key: this.lease.key,
      channel: ctx.provider ?? "",
      user: ctx.user ?? "",
      locale: this.locale,
      flow: this.frame?.flow.id ?? null,
      node: this.frame?.node ?? null,
    };
  }

  get tenant(): JsonValue {
    const { env, tenant, team } = this.ctx;
    return { id: tenant, tenant, env, team };
  }

  get now(): JsonValue {
    if (this.#now === undefined) {
      const iso = new Date(this.nowMs).toISOString();
      this.#now = { iso, epoch_ms: this.nowMs, date: iso.slice(0, 10) };
    }
    return this.#now;
  }

  /** Who the turn is for. */
  get ctx(): TenantCtx {
    if (this.#ctx === undefined) {
      const key = parseSessionKey(this.lease.key);
      this.#ctx = {
        env: key.env,
        tenant: key.tenant,
        team: key.team,
        user: key.user,
        session: this.lease.key,
        provider: key.channel,
        traceId: this.traceId,
        correlationId: this.message?.correlation_id ?? this.traceId,
        attempt: 1,
        locale: this.locale,
      };
    }
    return this.#ctx;
  }

  /** Tells of a quota that the running node has met. */
  tellDenied(error: GreenticError): void {
    const { ctx, frame } = this;
    const place = { pack: this.loaded?.name, packHash: this.loaded?.packHash, flow: frame?.flow.id, node: frame?.node };
    this.env.gate.tell(error, { ...questionOf(ctx, "node"), ...place }, ctx);
  }

  t(key: string, args?: JsonObject): string {
    const text = this.loaded?.translate(this.locale, key, args);
    if (text !== undefined) return text;
    if (isTextKey(key)) return fillText(builtInText(this.locale, key), args);
    this.warn("FLOW_I18N_KEY_MISSING", key);
    return key;
  }

  warn(code: ErrorCode, path: string): void {
    const { observe } = this.env;
    if (observe === undefined) return;
    observe({
      kind: "warning",
      ctx: this.ctx,
      code,
      path,
      ...(this.frame === undefined ? {} : { flow: this.frame.flow.id, node: this.frame.node }),
    });
  }
}
