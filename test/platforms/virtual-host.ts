/**
 * A host with a channel of every platform that delivers to webhooks, in virtual time: requests go through the gateway, messages through
 * the runtime, and what the channels send to their platforms is kept here.
 */
import type { SendHttp } from "../../src/messaging/index.ts";
import type { Provider } from "../../src/messaging/index.ts";
import { createWebChatProvider, providerOf } from "../../src/messaging/index.ts";
import type { Gateway } from "../../src/gateway/index.ts";
import { createGateway } from "../../src/gateway/index.ts";
import type { ComponentBehaviour, TestRuntime } from "../../src/runner/runtime-fixture.ts";
import { ENV, openTestRuntime, TEAM, TENANT, TestWorld } from "../../src/runner/runtime-fixture.ts";
import type { JournalMode } from "../../src/runner/index.ts";
import type { Pack } from "../../src/pack/index.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { channelId } from "../../src/types/index.ts";
import { partsOf } from "./channel-settings.ts";
import type { Headers, IngressPlatform } from "./ingress-platforms.ts";
import { INGRESS_PLATFORMS } from "./ingress-platforms.ts";
import { STORM_PLATFORMS } from "./storm-platforms.ts";

/** One request of a channel to its platform. */
interface PlatformSend {
  readonly url: string;
  readonly body: JsonObject;
}

export interface VirtualHost extends TestRuntime {
  /** Runs when the host is closed, before it is. */
  readonly onClose: (close: () => Promise<unknown>) => void;
  readonly gateway: Gateway;
  /** The messages that each platform was sent, by type. */
  readonly sends: Readonly<Record<string, PlatformSend[]>>;
  /** A request as a platform makes it. @returns the status and the body of the answer */
  readonly post: (type: string, body: Uint8Array, headers: Headers) => Promise<{ status: number; body: string }>;
  /** A person's delivery, signed now. */
  readonly deliver: (platform: IngressPlatform, body: JsonObject) => Promise<{ status: number; body: string }>;
  /** The same as a form's field `payload`. */
  readonly submit: (platform: IngressPlatform, payload: JsonObject) => Promise<{ status: number; body: string }>;
}

/** Opens a host whose packs are one. */
export async function openVirtualHost(options: {
  readonly pack: Pack;
  readonly component?: ComponentBehaviour;
  /** Default off. */
  readonly journal?: JournalMode;
  /** Default a new one. */
  readonly world?: TestWorld;
  /** Channels beside those of the platforms. */
  readonly more?: readonly Provider[];
}): Promise<VirtualHost> {
  const { world = new TestWorld(), more = [] } = options;
  const sends: Record<string, PlatformSend[]> = {};
  const providers = INGRESS_PLATFORMS.map((platform) =>
    channelOf(platform, { world, sends: (sends[platform.type] = []) }),
  );
  const webchat = createWebChatProvider(
    { env: ENV, tenant: TENANT, team: TEAM, channel: channelId("webchat") },
    { world },
  );
  const tested = await openTestRuntime({
    world,
    pack: options.pack,
    providers: [...providers, webchat, ...more],
    defaults: { sweepIntervalMs: 30_000, nodeTimeoutMs: 120_000 },
    ...(options.component !== undefined && { component: options.component }),
    ...(options.journal !== undefined && { journal: options.journal }),
  });
  const gateway = createGateway({
    runtime: tested.runtime,
    env: ENV,
    world,
    defaultTenant: TENANT,
    tokenKey: new Uint8Array(32).fill(7),
    tenant: () => ({ webchat: { anonymous: true } }),
  });
  const closing: (() => Promise<unknown>)[] = [];
  const post: VirtualHost["post"] = async (type, body, headers) => {
    const response = await gateway.app.request(`/v1/messaging/ingress/${type}/${TENANT}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: Buffer.from(body),
    });
    return { status: response.status, body: await response.text() };
  };
  return {
    ...tested,
    gateway,
    sends,
    post,
    deliver: (platform, body) => {
      const bytes = Buffer.from(JSON.stringify(body));
      return post(platform.type, bytes, platform.sign(bytes, world.nowMs()));
    },
    submit: (platform, payload) => {
      const bytes = Buffer.from(new URLSearchParams({ payload: JSON.stringify(payload) }).toString());
      const form = { "content-type": "application/x-www-form-urlencoded" };
      return post(platform.type, bytes, { ...form, ...platform.sign(bytes, world.nowMs()) });
    },
    onClose: (close) => void closing.push(close),
    [Symbol.asyncDispose]: async () => {
      gateway.startDraining();
      for (const close of closing) await close();
      const closed = tested[Symbol.asyncDispose]();
      await world.advance(6_000);
      await closed;
    },
  };
}

/** Tells whether a send shows only that a turn runs. */
function isTypingSign({ url, body }: PlatformSend): boolean {
  return url.endsWith("/sendChatAction") || body["type"] === "typing" || "typing_indicator" in body;
}

function channelOf(
  platform: IngressPlatform,
  { world, sends }: { readonly world: TestWorld; readonly sends: PlatformSend[] },
): Provider {
  const { type } = platform;
  const http: SendHttp = async (request) => {
    const answer = platform.answer?.(request);
    if (answer !== undefined) return answer;
    const send = { url: request.url, body: JSON.parse(Buffer.from(request.body ?? []).toString()) as JsonObject };
    if (!isTypingSign(send)) sends.push(send);
    return STORM_PLATFORMS[type]?.taken(request) ?? { status: 500, headers: [], body: Buffer.alloc(0) };
  };
  const address = { env: ENV, tenant: TENANT, team: TEAM, channel: channelId(type) };
  return providerOf(type).create(address, { ...partsOf(type), world, http });
}
