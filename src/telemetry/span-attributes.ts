import type { Attributes } from "@opentelemetry/api";
import type { TenantCtx } from "../types/index.ts";
import { sessionPseudonym } from "./redact.ts";

const words = (text: string): readonly string[] => text.split(" ");

/** The attributes that the public conformance suite asks for, on the span of a component's call; `service.name` is the resource's. */
export const PUBLIC_ATTRIBUTES: readonly string[] = words(
  "pack.id pack.version flow.id node.id component.name component.version tenant.id team.id user.id session.id run.status capability artifacts.dir",
).map((name) => `greentic.${name}`);

/**
 * Every attribute that may leave in a span, a span's event or a metric. What isn't here is dropped at the export, so that no later
 * change can let a text, a platform's id or a secret out by adding an attribute.
 */
export const EXPORTED_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...words("tenant env team session_id provider flow_id node_id outcome"),
  ...words("pack operation status target duplicate direction stage code rule point"),
  ...words("element path message count progress total"),
  ...words("component fuel memory_bytes host_calls queued_ms"),
  ...PUBLIC_ATTRIBUTES,
  // Model calls, by the semantic conventions for generative AI.
  ...words("operation.name provider.name request.model response.model response.finish_reasons usage.input_tokens").map(
    (name) => `gen_ai.${name}`,
  ),
  ...words("gen_ai.usage.output_tokens gen_ai.request.max_tokens gen_ai.token.type error.type"),
  ...words("server.address server.port"),
]);

/** What every span carries; the documents' set. */
export function attributesOf(ctx: TenantCtx): Attributes {
  return {
    tenant: ctx.tenant,
    env: ctx.env,
    team: ctx.team,
    ...(ctx.session !== undefined && { session_id: sessionPseudonym(ctx.session) }),
    ...(ctx.provider !== undefined && { provider: ctx.provider }),
  };
}
