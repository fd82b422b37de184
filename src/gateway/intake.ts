/** The routes that platforms and other systems call: provider ingress, and webhooks that wait for their turn. */
import type { HookAnswer, Provider, Received, WebhookRequest } from "../messaging/index.ts";
import type { TurnReport } from "../runner/index.ts";
import type { TeamId, TenantId } from "../types/index.ts";
import { DEFAULT_TEAM, GreenticError, isGreenticError, isJsonObject, teamId, tenantId } from "../types/index.ts";
import { jsonAnswer, REFUSED } from "./answers.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import type { GatewayLimits, GatewayOptions } from "./options.ts";

const ACCEPTED: GatewayAnswer = { status: 200, headers: { "cache-control": "no-store" }, body: "" };
const EVENT_ACCEPTED: GatewayAnswer = {
  status: 200,
  headers: { "cache-control": "no-store", "content-type": "text/plain; charset=utf-8" },
  body: "accepted",
};

/** What intake needs of the gateway. */
export interface IntakeOptions extends GatewayOptions {
  readonly limits: GatewayLimits;
}

/** Takes a platform's request in: verified by its provider, durable before the 2xx. The flow runs later. */
export async function handleIngress(
  request: GatewayRequest,
  route: {
    readonly domain: string;
    readonly channel: string;
    readonly tenant: string;
    readonly team: string | undefined;
  },
  options: IntakeOptions,
): Promise<GatewayAnswer> {
  const named = findChannel(route, options);
  // Webhooks have a route of their own, which keeps them to webhook flows; here they would run the tenant's default flow, unsigned.
  const provider = named?.delivery.kind === "answer" ? undefined : named;
  const maxBytes = provider?.maxBodyBytes ?? options.limits.maxBodyBytes;
  const received = await receive(request, provider, maxBytes);
  switch (received.kind) {
    case "refused":
      options.report?.({ kind: "refused", route: request.path, reason: received.reason });
      return REFUSED;
    case "answer":
      return answerOf(received);
    case "messages":
      break;
  }
  for (const message of received.messages) await options.runtime.accept(received.provider, message);
  for (const event of received.events ?? []) await options.runtime.acceptEvent(received.provider, event);
  for (const notice of received.notices ?? []) await options.runtime.acceptNotice(received.provider, notice);
  if (received.receipts !== undefined) options.runtime.noteReceipts(received.provider, received.receipts);
  if (received.answer !== undefined) return answerOf(received.answer);
  return route.domain === "events" ? EVENT_ACCEPTED : ACCEPTED;
}

/** What webhook requests share. */
export interface WebhookState {
  /** Requests that wait, by tenant. */
  readonly waiting: Map<string, number>;
  /** Webhook flows that were there a moment ago, and until when that is believed: listing packs costs more than the whole route. */
  readonly known: Map<string, number>;
}

/** Makes the state of one gateway. */
export function createWebhookState(): WebhookState {
  return { waiting: new Map(), known: new Map() };
}

const KNOWN_MS = 1_000;
const MAX_KNOWN = 1_000;

/** Runs a webhook flow on a request and answers with what its turn gave; 504 where that takes too long. */
export async function handleWebhook(
  request: GatewayRequest,
  route: { readonly tenant: string; readonly flow: string },
  { options, state }: { readonly options: IntakeOptions; readonly state: WebhookState },
): Promise<GatewayAnswer> {
  const { limits, runtime } = options;
  const { waiting } = state;
  const channel = findChannel({ channel: "webhook", tenant: route.tenant, team: undefined }, options);
  const provider =
    channel !== undefined && isWebhookFlow(channel, route.flow, { options, state }) ? channel : undefined;
  const received = await receive(request, provider, limits.maxBodyBytes);
  if (received.kind === "answer") return answerOf(received);
  const message = received.kind === "messages" ? received.messages[0] : undefined;
  if (received.kind === "refused" || message === undefined) {
    const isUnknownFlow = channel !== undefined && provider === undefined;
    const why = received.kind === "refused" ? received.reason : "no message";
    options.report?.({ kind: "refused", route: request.path, reason: isUnknownFlow ? "no webhook flow" : why });
    return REFUSED;
  }
  const count = waiting.get(route.tenant) ?? 0;
  if (count >= limits.maxWaitingPerTenant) {
    throw new GreenticError("GATEWAY_RATE_LIMITED", `Handle webhook: ${count} requests of this tenant are waiting`);
  }
  waiting.set(route.tenant, count + 1);
  try {
    const choice = { flow: route.flow };
    const report = await runtime.request(received.provider, message, { timeoutMs: limits.webhookTimeoutMs, choice });
    return turnAnswer(report, { isDev: options.env === "dev" });
  } catch (error) {
    if (!isGreenticError(error) || error.kind !== "not_found") throw error;
    options.report?.({ kind: "refused", route: request.path, reason: error.code });
    return REFUSED;
  } finally {
    const left = (waiting.get(route.tenant) ?? 1) - 1;
    if (left === 0) waiting.delete(route.tenant);
    else waiting.set(route.tenant, left);
  }
}

/** Only flows of type webhook are anybody's to call: a messaging flow run this way would answer without its channel's checks. */
function isWebhookFlow(
  { address: { env, tenant, team } }: Provider,
  flow: string,
  { options: { runtime, world }, state: { known } }: { readonly options: IntakeOptions; readonly state: WebhookState },
): boolean {
  const name = `${tenant} ${flow}`;
  const nowMs = world.monotonicMs();
  if ((known.get(name) ?? -1) > nowMs) return true;
  const isThere = runtime
    .listPacks()
    .some(
      ({ scope, flows }) =>
        scope.tenant === tenant &&
        scope.env === env &&
        (scope.team === undefined || scope.team === team) &&
        flows.some(({ id, type }) => id === flow && type === "webhook"),
    );
  if (known.size >= MAX_KNOWN) known.clear();
  if (isThere) known.set(name, nowMs + KNOWN_MS);
  return isThere;
}

type Verified =
  | (Extract<Received, { kind: "messages" }> & { readonly provider: Provider })
  | Exclude<Received, { kind: "messages" }>;

async function receive(request: GatewayRequest, provider: Provider | undefined, maxBytes: number): Promise<Verified> {
  // The body is read for unknown channels too, so that these take as long as a bad signature.
  const body = await request.body(maxBytes);
  if (provider?.receive === undefined) return { kind: "refused", reason: "unknown channel" };
  const raw: WebhookRequest = {
    method: request.method,
    url: request.query === "" ? request.path : `${request.path}?${request.query}`,
    headers: request.headers(),
    body,
  };
  const received = await provider.receive(raw);
  return received.kind === "messages" ? { ...received, provider } : received;
}

function findChannel(
  route: { readonly channel: string; readonly tenant: string; readonly team: string | undefined },
  { runtime, env, tenant: settings }: IntakeOptions,
): Provider | undefined {
  let tenant: TenantId;
  let named: TeamId | undefined;
  try {
    tenant = tenantId(route.tenant);
    named = route.team === undefined ? undefined : teamId(route.team);
  } catch {
    // Not a name at all: as unknown as any other.
    return undefined;
  }
  const known = settings(tenant);
  if (known === undefined) return undefined;
  return runtime.channel({ env, tenant, team: named ?? known.team ?? DEFAULT_TEAM }, route.channel);
}

function answerOf(answer: HookAnswer): GatewayAnswer {
  return {
    status: answer.status,
    headers: { "content-type": answer.contentType, "x-content-type-options": "nosniff", "cache-control": "no-store" },
    body: answer.body,
  };
}

// A flow's answer stands on the host's own origin: the sandbox keeps it from running there as the page.
const SANDBOX = {
  "content-security-policy": "sandbox; default-src 'none'",
  "x-content-type-options": "nosniff",
} as const;
// Proxies before the host take files and routes from some names; others say how browsers treat the answer: neither is a flow's to say.
const FLOW_HEADERS =
  /^(?:content-type|content-language|cache-control|etag|last-modified|location|retry-after|x-(?!accel|sendfile|lighttpd|litespeed|reproxy|content-type-options|frame-options|forwarded|real-ip)[a-z0-9-]+)$/;

/**
 * Makes the HTTP answer of a turn: a text as it is; an object with `status`, `headers`, `body` or `text` as the response it
 * describes; where the flow's last step sent messages, the one text or all replies; any other output as JSON.
 */
function turnAnswer(report: TurnReport, { isDev }: { readonly isDev: boolean }): GatewayAnswer {
  if (report.status === "error") {
    const code = report.error?.code ?? "GATEWAY_TURN_FAILED";
    // A tool's message may hold what only its owner should read.
    const message = (isDev ? report.error?.message : undefined) ?? "Run flow: failed";
    const help = "The flow failed on this request; the host's log tells at which node.";
    return jsonAnswer(500, { error: { code, message, help } });
  }
  const { output } = report;
  if (typeof output === "string") return text(output, 200, {});
  if (isJsonObject(output) && isHttpResponse(output)) {
    const status = typeof output.status === "number" ? output.status : 200;
    const body = output.body ?? output.text ?? "";
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(isJsonObject(output.headers) ? output.headers : {})) {
      const lower = name.toLowerCase();
      if (FLOW_HEADERS.test(lower) && typeof value === "string" && /^[\t\x20-\x7e]*$/.test(value))
        headers[lower] = value;
    }
    return typeof body === "string"
      ? text(body, status, headers)
      : jsonAnswer(status, body, { ...SANDBOX, ...headers });
  }
  const [only, ...others] = report.reply;
  const isSent = isJsonObject(output) && Object.keys(output).join() === "messages";
  if (isSent && only?.text !== undefined && others.length === 0 && only.extensions?.adaptive_card === undefined) {
    return text(only.text, 200, {});
  }
  if (output !== null && !isSent) return jsonAnswer(200, output, SANDBOX);
  return jsonAnswer(200, { status: report.status, reply: report.reply }, SANDBOX);
}

function isHttpResponse(output: { readonly [key: string]: unknown }): boolean {
  const { status } = output;
  const isStatus = typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599;
  return isStatus && Object.keys(output).every((key) => ["status", "headers", "body", "text"].includes(key));
}

function text(body: string, status: number, headers: Readonly<Record<string, string>>): GatewayAnswer {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...SANDBOX, ...headers },
    body,
  };
}
