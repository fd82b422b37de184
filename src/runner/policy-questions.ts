import type { PolicyPoint } from "../config/index.ts";
import type { JudgeRequest } from "../http/index.ts";
import type { PolicyGate, PolicyQuestion } from "../policy/index.ts";
import type { TenantCtx } from "../types/index.ts";

/** What a context says of a question; whose it is never comes from anywhere else. */
export function questionOf(ctx: TenantCtx, point: PolicyPoint): PolicyQuestion {
  const { env, tenant, team, user, provider, flow, node } = ctx;
  return { point, env, tenant, team, user, channel: provider, flow, node };
}

/** Judges the requests of a call, each redirect too; undefined where nothing could be denied. */
export function judgeHttp(
  gate: PolicyGate,
  ctx: TenantCtx,
  about: Pick<PolicyQuestion, "pack" | "packHash" | "component" | "tool">,
): JudgeRequest | undefined {
  if (!gate.judges("component.http")) return undefined;
  return ({ url, method }) =>
    gate.check({ ...questionOf(ctx, "component.http"), ...about, url: url.href, method }, ctx);
}
