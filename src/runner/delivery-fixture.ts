/** A pack and a platform that tests of delivery share. */
import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import type { SendResult, SinkClass } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { channelId } from "../types/index.ts";
import type { TestWorld } from "./runtime-fixture.ts";
import { ENV, makePack, TEAM, TENANT } from "./runtime-fixture.ts";

/** Flows that echo what was said: through an effect, as a webhook, and plainly. */
export const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: call
nodes:
  call: { component.exec: { component: shop, operation: work, input: { text: "{{in.text}}" } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{call.said}}" }, routing: out }
`,
    hook: `
id: hook
type: webhook
nodes:
  count: { component.exec: { component: shop, operation: work, input: { text: "{{in.text}}" } }, routing: reply }
`,
    plain: `
id: plain
type: messaging
nodes:
  tell: { message.send: { text: "{{in.text}}" }, routing: out }
`,
  },
  components: { shop: 'http = ["https://api.example.com"]' },
});

/** Answers with what it was given. */
export const echo = (_ctx: unknown, call: { readonly input: JsonValue }): JsonValue => ({
  said: (call.input as { text: string }).text,
  text: "worked",
});

interface Sent {
  readonly payload: JsonValue;
  readonly key: string;
  readonly atMs: number;
}

/** A channel to a platform and what it got. */
export interface Platform {
  readonly channel: Provider;
  readonly sent: Sent[];
}

/** A platform whose answers the test chooses. */
export function platform(
  world: TestWorld,
  sinkClass: SinkClass,
  answer: (sent: Sent) => SendResult | Promise<SendResult>,
): Platform {
  const sent: Sent[] = [];
  const channel: Provider = {
    type: "platform",
    address: { env: ENV, tenant: TENANT, team: TEAM, channel: channelId("platform") },
    delivery: { kind: "send", sinkClass },
    dedupeTtlMs: 86_400_000,
    project: (message) => [message.text ?? ""],
    send: async (payload, { idempotencyKey }) => {
      const one = { payload, key: idempotencyKey, atMs: world.nowMs() };
      sent.push(one);
      return answer(one);
    },
  };
  return { channel, sent };
}

/** A delivery of a text. */
export const received = (provider: Provider, id: string, text: string, session = "s1"): ReceivedMessage =>
  receiveConsole(provider.address, { text }, { session, id });

/** The pack with its plain flow as the default. */
export const apps = [{ scope: { env: ENV, tenant: TENANT }, pack, defaultFlow: "plain" }];
