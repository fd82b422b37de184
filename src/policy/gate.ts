import type { PolicyPoint } from "../config/index.ts";
import type { AuditLog, TurnObserver } from "../telemetry/index.ts";
import type { GreenticError, TenantCtx, World } from "../types/index.ts";
import { DEFAULT_TEAM } from "../types/index.ts";
import type { PolicyDecision, PolicyEngine, PolicyQuestion } from "./decision.ts";
import { ALLOW_ALL } from "./decision.ts";
import { policyDenied } from "./denied.ts";

export interface PolicyGateOptions {
  readonly engine: PolicyEngine;
  readonly world: Pick<World, "nowMs">;
  /** Hears every denial. */
  readonly observe?: TurnObserver | undefined;
  /** Keeps every denial. */
  readonly audit?: Pick<AuditLog, "note"> | undefined;
}

/** Where what is about to happen is let through, or turned away with an event that names the rule. */
export class PolicyGate {
  readonly #options: PolicyGateOptions;
  #engine: PolicyEngine;

  constructor(options: PolicyGateOptions) {
    this.#options = options;
    this.#engine = options.engine;
  }

  /** Asks another engine from now on. */
  use(engine: PolicyEngine): void {
    this.#engine = engine;
  }

  /** Whether anything could be denied at a point. */
  judges(point: PolicyPoint): boolean {
    return this.#engine.judges(point);
  }

  /** Lets a question through, at once where it can. @throws POLICY_DENIED, or rejects with it */
  check(question: PolicyQuestion, ctx?: TenantCtx): void | Promise<void> {
    const decision = this.#engine.decide(question);
    if (decision instanceof Promise) return decision.then((made) => this.#apply(made, question, ctx));
    return this.#apply(decision, question, ctx);
  }

  /** Tells of a quota that was used up, or of a denial that somebody else made. */
  tell(error: GreenticError, question: PolicyQuestion, ctx?: TenantCtx): void {
    const { observe, audit, world } = this.#options;
    const { point, env, tenant, team } = question;
    const rule = String(error.details?.["rule"] ?? "");
    const isQuota = error.code === "POLICY_QUOTA_EXCEEDED";
    audit?.note({
      actor: actorOf(question),
      action: isQuota ? "quota.exceeded" : "policy.denied",
      target: targetOf(question),
      outcome: "denied",
      env,
      tenant,
      ...(team !== undefined && { team }),
      rule,
      code: error.code,
      ...(ctx !== undefined && ctx.traceId !== "" && { traceId: ctx.traceId }),
    });
    observe?.({
      kind: "policy.denied",
      ctx: ctx ?? ctxOf(question),
      point,
      rule,
      code: error.code,
      ...(question.flow !== undefined && { flow: question.flow }),
      ...(question.node !== undefined && { node: question.node }),
      atMs: world.nowMs(),
    });
  }

  #apply(decision: PolicyDecision, question: PolicyQuestion, ctx: TenantCtx | undefined): void {
    if (decision.kind === "allow") return;
    const error = policyDenied(question.point, decision);
    this.tell(error, question, ctx);
    throw error;
  }
}

/** Lets everything through. */
export const OPEN_GATE = new PolicyGate({ engine: ALLOW_ALL, world: { nowMs: () => 0 } });

/** Who asked: a component, else a pack, else the channel that a message came by. */
function actorOf({ component, pack, channel }: PolicyQuestion): string {
  if (component !== undefined) return `component:${component}`;
  if (pack !== undefined) return `pack:${pack}`;
  return channel === undefined ? "host" : `channel:${channel}`;
}

/** What was asked for, by its name; a URL by its origin, since its path may say whom it is about. */
function targetOf(question: PolicyQuestion): string {
  const { point, url, secret, tool, event, flow, node, pack, channel } = question;
  const place = flow === undefined ? undefined : `${flow}/${node ?? ""}`;
  const origin = url === undefined ? undefined : (URL.parse(url)?.origin ?? "");
  return `${point} ${origin ?? secret ?? tool ?? event ?? place ?? pack ?? channel ?? ""}`.trim();
}

function ctxOf({ env, tenant, team }: PolicyQuestion): TenantCtx {
  return { env, tenant, team: team ?? DEFAULT_TEAM, traceId: "", correlationId: "", attempt: 1, locale: "en" };
}
