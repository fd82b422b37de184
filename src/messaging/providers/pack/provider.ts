import type { JsonObject, JsonValue, World } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import type { ChannelAddress, Provider, Received, WebhookRequest } from "../../provider.ts";
import type { CallPack, PackAnswer, PackParts } from "./calls.ts";
import { isBrokenOff } from "./calls.ts";
import { packPace, packRates } from "./limits.ts";
import { numberedForPack, projectForPack } from "./project.ts";
import type { ReceiveScope } from "./receive.ts";
import { httpInOf, readIngested } from "./receive.ts";
import type { PackSending } from "./send.ts";
import { readBackByPack, sendByPack } from "./send.ts";
import type { HostVerification } from "./verify.ts";
import { verifyRequest } from "./verify.ts";

/** What a channel of a provider pack is made with. */
export interface PackProviderOptions {
  readonly address: ChannelAddress;
  readonly parts: PackParts;
  readonly call: CallPack;
  /** The pack's configuration with the channel's own over it, without `verify`. */
  readonly config: JsonObject;
  /** How requests are believed; undefined refuses them all. */
  readonly verification: HostVerification | undefined;
  /** Reads a secret of the channel and the one that it replaces, as far as they are there. */
  readonly secrets: (name: string) => Promise<readonly string[]>;
  readonly world: Pick<World, "nowMs" | "schedule">;
}

/** Platforms wait three seconds at least. */
const INGEST_TIMEOUT_MS = 2_800;
const IDENTIFY_TIMEOUT_MS = 1_000;

/** A channel that a provider pack's components serve: everything that they say is judged before it counts. */
export function createPackProvider(options: PackProviderOptions): Provider {
  const { address, parts, call, config, world } = options;
  const { traits, operations } = parts;
  const sending: PackSending = { address, parts, call, config, world };
  const pace = packPace(traits);
  const receives = operations.ingress.has("ingest_http") || operations.ingress.has("handle-webhook");
  const sends = operations.egress.has("send_payload") || operations.egress.has("send");
  const canReadBack = traits.sink === "B" && operations.egress.has("read_back");
  return {
    type: parts.providerType,
    address,
    // What can't be asked, and doesn't promise to know a repetition, is in doubt for good.
    delivery: { kind: "send", sinkClass: traits.sink === "B" && !canReadBack ? "C" : traits.sink },
    dedupeTtlMs: traits.dedupeTtlSeconds * 1000,
    maxBodyBytes: traits.maxBodyBytes,
    ...(receives && { receive: (request) => receive(request, options) }),
    numbered: (message) => numberedForPack(message, traits),
    project: (message, note) => projectForPack(message, traits, note),
    readyAtMs: (conversation) => pace.readyAtMs(conversation, world.nowMs()),
    sendRates: packRates(traits),
    ...(sends && {
      send: async (payload, send) => {
        const readyAtMs = await pace.awaitTurn(send.conversation, { world, signal: send.signal });
        if (readyAtMs !== undefined) return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
        const result = await sendByPack(payload, send, sending);
        if (result.kind === "retry" && result.error === "MESSAGING_RATE_LIMITED")
          pace.pause(
            traits.conversationPace === undefined ? "channel" : `to:${send.conversation}`,
            result.notBeforeMs,
            world.nowMs(),
          );
        return result;
      },
    }),
    ...(canReadBack && { readBack: (send) => readBackByPack(send, sending) }),
  };
}

async function receive(request: WebhookRequest, options: PackProviderOptions): Promise<Received> {
  const { verification: rule, config } = options;
  if (rule === undefined) return { kind: "refused", reason: "no rule verifies requests" };
  const isHandshake = rule.scheme !== "component" && rule.handshake && request.method === "GET";
  if (rule.scheme !== "component" && !isHandshake) {
    const refused = await verifyRequest(request, rule, {
      secrets: await options.secrets(rule.secret),
      nowMs: options.world.nowMs(),
      identify: () => identify(request, options),
    });
    if (refused !== undefined) return { kind: "refused", reason: refused };
  }
  const scope = { address: options.address, parts: options.parts, ownIds: ownIdsOf(config) };
  const answer = await ingest(request, { ...scope, config, nowMs: options.world.nowMs() }, options);
  const received = judge(answer, { request, scope, isVerified: rule.scheme !== "component" });
  // Anybody may ask for a handshake: its answer is the component's, and nobody said anything by it.
  return isHandshake && received.kind === "messages" ? { kind: "refused", reason: "handshake" } : received;
}

function ingest(
  request: WebhookRequest,
  scope: ReceiveScope & { readonly config: JsonObject; readonly nowMs: number },
  { parts, call }: PackProviderOptions,
): Promise<PackAnswer> {
  const input = httpInOf(request, scope);
  const isUniversal = parts.operations.ingress.has("ingest_http");
  return call({
    role: "ingress",
    operation: isUniversal ? "ingest_http" : "handle-webhook",
    input: isUniversal ? input : { headers: input["headers"] ?? [], body_b64: input["body_b64"] ?? "" },
    timeoutMs: INGEST_TIMEOUT_MS,
  });
}

function judge(
  answer: PackAnswer,
  {
    request,
    scope,
    isVerified,
  }: { readonly request: WebhookRequest; readonly scope: ReceiveScope; readonly isVerified: boolean },
): Received {
  if (answer.kind === "ok") {
    const failed = isJsonObject(answer.output) && answer.output["ok"] === false;
    if (!failed) return readIngested(answer.output, request, scope);
  }
  const isLate = answer.kind === "error" && isBrokenOff(answer.error) && answer.error.code !== "COMPONENT_TRAPPED";
  // What comes again later may be taken then.
  if (isLate) return { kind: "answer", status: 503, contentType: "text/plain; charset=utf-8", body: "" };
  if (!isVerified) return { kind: "refused", reason: "component" };
  return { kind: "answer", status: 400, contentType: "text/plain; charset=utf-8", body: "" };
}

/** What `identify-instance` reads out of a request. */
async function identify(request: WebhookRequest, options: PackProviderOptions): Promise<string | undefined> {
  const { parts, call, address, config } = options;
  if (!parts.operations.ingress.has("identify-instance")) return undefined;
  const answer = await call({
    role: "ingress",
    operation: "identify-instance",
    input: httpInOf(request, { address, parts, ownIds: [], config, nowMs: options.world.nowMs() }),
    timeoutMs: IDENTIFY_TIMEOUT_MS,
  });
  return answer.kind === "ok" && typeof answer.output === "string" ? answer.output : undefined;
}

/** `bot_id` of a channel's settings: one, or several. */
function ownIdsOf(config: JsonObject): readonly string[] {
  const ids: readonly JsonValue[] = [config["bot_id"] ?? []].flat();
  return ids.filter((id): id is string => typeof id === "string" && id !== "");
}
