import type { LlmModelConfig } from "../config/index.ts";
import { openHttp } from "../http/index.ts";
import type { HttpRewrite } from "../http/index.ts";
import { Models } from "../llm/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { parseSecretUri, readAs } from "../secrets/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { JsonObject, JsonValue, OutcomeError, TenantCtx, World } from "../types/index.ts";
import { envId, teamId, tenantId } from "../types/index.ts";

/** Answers in the place of a model, for tests of flows; undefined lets the model be asked. */
export type StubChat = (
  model: string,
  input: JsonObject,
) => { readonly result: JsonValue } | { readonly error: OutcomeError } | undefined;

/** What `llm.chat` reaches. */
export interface ChatReach {
  readonly models: Models;
  readonly stub: StubChat | undefined;
}

/** The category of models' keys; no pack can be called so and read them as its own. */
export const LLM_CATEGORY = "llm";

/** The operator says where models are, so that they may be on this machine or in its own network. */
const ANYWHERE = ["0.0.0.0/0", "::/0"];

/** Makes the reach of a runtime. */
export function createChatReach({
  models,
  world,
  store,
  secrets,
  rewrites,
  stub,
}: {
  readonly models: readonly LlmModelConfig[];
  readonly world: World;
  readonly store: SessionStore;
  readonly secrets: SecretReader;
  readonly rewrites: readonly HttpRewrite[];
  readonly stub: StubChat | undefined;
}): ChatReach {
  return {
    stub,
    models: new Models({
      models,
      world,
      open: (request, signal) => openHttp(request, { privateAddresses: ANYWHERE, rewrites, signal }),
      secret: (ctx, name) => readKey(readAs(secrets, "models"), ctx, name),
      takeTokens: (bucket, rate, tokens) => store.takeTokens(bucket, rate, tokens),
    }),
  };
}

/** A key is the calling tenant's own by its name, or the operator's by its whole address. */
async function readKey(secrets: SecretReader, ctx: TenantCtx, name: string): Promise<string | undefined> {
  if (!name.startsWith("secrets://")) return secrets.get(ctx, LLM_CATEGORY, name);
  const { env, tenant, team, category, name: own } = parseSecretUri(name);
  const place = { ...ctx, env: envId(env), tenant: tenantId(tenant), team: teamId(team === "_" ? "default" : team) };
  return secrets.get(place, category, own);
}
