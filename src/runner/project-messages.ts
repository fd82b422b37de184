import type { NoteFinding, ProjectionFinding, Provider } from "../messaging/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { Turn } from "./turn.ts";

/** Findings of one message that are told; one card of hundreds of elements must not fill a trace. */
const MAX_FINDINGS = 20;

/** Projects a turn's messages in order, and tells the observer what the channel doesn't show as it is. */
export function projectMessages({ messages, env, ctx }: Turn, provider: Provider): readonly JsonValue[] {
  const { observe, world } = env;
  if (observe === undefined) return messages.flatMap((message) => provider.project(message));
  return messages.flatMap((message, n) => {
    const findings: ProjectionFinding[] = [];
    const payloads = provider.project(message, collect(findings));
    const atMs = findings.length === 0 ? 0 : world.nowMs();
    for (const [at, { code, element, path }] of findings.slice(0, MAX_FINDINGS).entries()) {
      const count = at === 0 ? { count: findings.length } : {};
      observe({ kind: "message.degraded", ctx, code, element, path, message: n, ...count, atMs });
    }
    return payloads;
  });
}

const collect =
  (findings: ProjectionFinding[]): NoteFinding =>
  (finding) =>
    void findings.push(finding);
