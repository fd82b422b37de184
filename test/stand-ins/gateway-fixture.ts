import type { Gateway, GatewayOptions, GatewayReport } from "../../src/gateway/index.ts";
import { createGateway, createTurnFeed } from "../../src/gateway/index.ts";
import { openMemoryBlobs } from "../../src/blob/index.ts";
import type { RetentionConfig } from "../../src/config/index.ts";
import {
  DEFAULT_FILE_RULES,
  FileKeeper,
  createTelegramProvider,
  createWebChatProvider,
  createWebhookProvider,
} from "../../src/messaging/index.ts";
import type { ChannelAddress, SendHttp } from "../../src/messaging/index.ts";
import { channelId, DEFAULT_TEAM, envId, teamId, tenantId } from "../../src/types/index.ts";
import type { JsonValue } from "../../src/types/index.ts";
import type { EchoRuntime } from "./echo-runtime.ts";
import { createEchoRuntime } from "./echo-runtime.ts";
import type { TestWorld } from "./test-world.ts";
import { createTestWorld } from "./test-world.ts";

const TELEGRAM_TOKEN = "123456:AAE-stand-in_token-0123456789abcdef";
export const TELEGRAM_SECRET = "webhook_secret-A1";
export const WEBCHAT_SECRET = "acme-direct-line-secret";

export interface GatewayFixture {
  readonly gateway: Gateway;
  readonly runtime: EchoRuntime;
  readonly world: TestWorld;
  readonly reports: GatewayReport[];
}

/**
 * A gateway over an echo runtime. Tenant demo talks to anybody, acme to who has its secret or comes from its site, mute has no
 * channels, signed takes signed webhooks alone, regional's
 * channels are those of its team sales.
 */
export function createGatewayFixture(
  extra: Partial<GatewayOptions> & {
    /** Whether files are kept, of at most 1 MiB. */
    readonly keepsFiles?: boolean;
    readonly retention?: RetentionConfig;
    readonly output?: (text: string | undefined, flow: string | undefined) => JsonValue;
  } = {},
): GatewayFixture {
  const { output, keepsFiles = false, retention, ...options } = extra;
  const world = createTestWorld();
  const env = envId("dev");
  const at = (tenant: string, channel: string): ChannelAddress => ({
    env,
    tenant: tenantId(tenant),
    team: DEFAULT_TEAM,
    channel: channelId(channel),
  });
  const http: SendHttp = () =>
    Promise.resolve({ status: 200, headers: [], body: Buffer.from('{"ok":true,"result":true}') });
  const providers = [
    createWebChatProvider(at("demo", "webchat"), { world }),
    createWebChatProvider(at("acme", "webchat"), { world }),
    createWebhookProvider(at("demo", "webhook"), { world }),
    createWebhookProvider(at("signed", "webhook"), { world, secrets: [`whsec_${btoa("signing-secret")}`] }),
    createWebChatProvider({ ...at("regional", "webchat"), team: teamId("sales") }, { world }),
    createWebhookProvider({ ...at("regional", "webhook"), team: teamId("sales") }, { world }),
    createTelegramProvider({
      address: at("demo", "telegram"),
      token: () => TELEGRAM_TOKEN,
      secretToken: () => [TELEGRAM_SECRET, "older_secret"],
      http,
      mode: "webhook",
      world,
    }),
  ];
  const turns = createTurnFeed();
  const runtime = createEchoRuntime(providers, {
    world,
    observe: turns.observe,
    ...(retention && { retention }),
    ...(keepsFiles && {
      files: new FileKeeper({
        blobs: openMemoryBlobs(),
        rules: { ...DEFAULT_FILE_RULES, maxBytes: 1 << 20 },
        keepMs: () => 86_400_000,
        nowMs: () => world.nowMs(),
      }),
    }),
    ...(output === undefined ? {} : { output: (message, flow) => output(message.text, flow) }),
  });
  const reports: GatewayReport[] = [];
  const gateway = createGateway({
    runtime,
    env,
    world,
    defaultTenant: tenantId("demo"),
    tokenKey: new Uint8Array(32).fill(7),
    tenant: (tenant) =>
      ({
        demo: {
          webchat: { anonymous: true },
          page: {
            locales: ["en", "de"],
            theme: { accent: "#0b5" },
            worker: { title: "Weather", description: "Tells the weather", suggestions: ["Weather in Berlin"] },
          },
        },
        acme: {
          webchat: {
            anonymous: true,
            secrets: async () => Promise.resolve([WEBCHAT_SECRET]),
            origins: ["https://www.acme.example"],
          },
        },
        locked: { webchat: { anonymous: false, secrets: async () => Promise.resolve(["other"]) } },
        mute: {},
        regional: { team: teamId("sales"), webchat: { anonymous: true } },
        signed: {},
      })[tenant as string],
    turns,
    report: (report) => reports.push(report),
    ...options,
  });
  return { gateway, runtime, world, reports };
}
