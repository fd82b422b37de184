/**
 * A runtime without flows for tests of what stands in front of one: messages are accepted by a real memory store, and each gets the
 * reply that `reply` makes, committed as a turn. The text "silence" gets none.
 */
import type { RetentionConfig } from "../../src/config/index.ts";
import { NO_RETENTION } from "../../src/config/index.ts";
import type { FileKeeper, Provider, ReceivedMessage } from "../../src/messaging/index.ts";
import type { Runtime, Scope, TurnReport } from "../../src/runner/runtime.ts";
import type { Accepted, SessionStore } from "../../src/session/index.ts";
import { conversationOf, openMemoryStore } from "../../src/session/index.ts";
import type { TurnObserver } from "../../src/telemetry/index.ts";
import type { ChannelMessageEnvelope, SessionKeyText, World } from "../../src/types/index.ts";
import {
  conversationId,
  formatSessionKey,
  GreenticError,
  parseSessionKey,
  randomHex,
  sessionCtx,
  userId,
} from "../../src/types/index.ts";

export interface EchoRuntime extends Runtime {
  /** Everything that was accepted anew, in order. */
  readonly accepted: ReceivedMessage[];
  /** Set to make the store fail. */
  isDown: boolean;
}

export function createEchoRuntime(
  providers: readonly Provider[],
  options: {
    readonly world: World;
    readonly reply?: (message: ChannelMessageEnvelope) => Partial<ChannelMessageEnvelope>;
    readonly output?: (message: ChannelMessageEnvelope, flow: string | undefined) => TurnReport["output"];
    readonly observe?: TurnObserver;
    readonly files?: FileKeeper;
    readonly retention?: RetentionConfig;
  },
): EchoRuntime {
  const { world } = options;
  const store: SessionStore = openMemoryStore(world);
  const watchers = new Map<string, Set<() => void>>();
  const typists = new Map<string, Set<() => void>>();
  const accepted: ReceivedMessage[] = [];
  const notify = (key: SessionKeyText): void => watchers.get(conversationOf(key))?.forEach((listener) => listener());

  const turn = async (key: SessionKeyText, provider: Provider): Promise<readonly ChannelMessageEnvelope[]> => {
    const replies: ChannelMessageEnvelope[] = [];
    const [lease] = await store.lease("echo", { limit: 1, keys: [key] });
    if (lease === undefined) return replies;
    const ctx = sessionCtx(parseSessionKey(key), { traceId: "0".repeat(32), correlationId: "c", locale: "en" });
    const flow = { flow: "echo", pack: "echo" };
    typists.get(conversationOf(key))?.forEach((listener) => listener());
    options.observe?.({ kind: "flow.started", ctx, ...flow, atMs: world.nowMs() });
    for (const { envelope } of lease.inbox) {
      if (envelope.text === "silence") continue;
      const { from: _from, ...base } = envelope;
      const answer = options.reply?.(envelope) ?? { text: `You said: ${envelope.text ?? ""}` };
      replies.push({ ...base, id: `reply-${envelope.id}`, attachments: [], metadata: {}, extensions: {}, ...answer });
    }
    options.observe?.({ kind: "flow.ended", ctx, ...flow, outcome: "done", atMs: world.nowMs(), durationMs: 1 });
    await store.commit(lease, {
      session: null,
      consumed: lease.inbox.map(({ order }) => order),
      state: [],
      timersDone: [],
      timersNew: [],
      outbox: [],
      log: provider.delivery.kind === "log" ? replies.flatMap((reply) => provider.project(reply)) : [],
    });
    notify(key);
    return replies;
  };

  const take = async (provider: Provider, message: ReceivedMessage): Promise<Accepted & { key: SessionKeyText }> => {
    if (runtime.isDown) throw new GreenticError("STORE_UNAVAILABLE", "Accept message: store is down");
    const key = formatSessionKey({
      ...provider.address,
      conversation: conversationId(message.conversation),
      user: userId(message.user),
    });
    const result = await store.accept({
      key,
      dedupeKey: message.dedupeKey,
      receivedAtMs: world.nowMs(),
      traceId: randomHex(world, 16),
      envelope: message.envelope,
      dedupeTtlMs: provider.dedupeTtlMs,
      ...(message.log === undefined ? {} : { log: message.log }),
    });
    if (result.kind === "accepted") {
      accepted.push(message);
      notify(key);
    }
    return { ...result, key };
  };

  const runtime: EchoRuntime = {
    accepted,
    files: options.files,
    retention: options.retention ?? NO_RETENTION,
    isDown: false,
    store,
    accept: async (provider, message) => {
      const result = await take(provider, message);
      if (result.kind === "accepted") void turn(result.key, provider);
      return result;
    },
    request: async (provider, message, { timeoutMs, choice }) => {
      if (choice?.flow === "vanished") throw new GreenticError("GATEWAY_ROUTE_UNKNOWN", "Find flow: none of that name");
      const { key } = await take(provider, message);
      const reply = await turn(key, provider);
      if (message.envelope.text === "silence") {
        throw new GreenticError("HTTP_TIMEOUT", `Wait for turn: no end within ${timeoutMs} ms`);
      }
      const output = options.output?.(message.envelope, choice?.flow) ?? null;
      return { status: "done", reply, output, session: key, steps: [] };
    },
    acceptEvent: () => Promise.reject(new TypeError("the echo runtime has no flows")),
    acceptNotice: () => Promise.reject(new TypeError("the echo runtime fetches nothing")),
    acceptConsent: () => Promise.reject(new TypeError("the echo runtime has no flows")),
    noteReceipts: (provider, receipts) => provider.noteReceipts?.(receipts),
    watchLog: (conversation, listener) => {
      const set = watchers.get(conversation) ?? new Set();
      watchers.set(conversation, set);
      set.add(listener);
      return () => void set.delete(listener);
    },
    watchTyping: (conversation, listener) => {
      const set = typists.get(conversation) ?? new Set();
      typists.set(conversation, set);
      set.add(listener);
      return () => void set.delete(listener);
    },
    channel: (scope: Scope, channel) =>
      providers.find(
        ({ address }) =>
          address.env === scope.env &&
          address.tenant === scope.tenant &&
          address.team === scope.team &&
          address.channel === channel,
      ),
    webFile: () => undefined,
    loadPack: () => Promise.reject(new TypeError("the echo runtime has no packs")),
    unloadPack: () => undefined,
    retainPack: () => Promise.resolve(),
    revokePack: () => undefined,
    listOffers: () => [],
    watchPacks: () => () => undefined,
    listPacks: () =>
      [...new Set(providers.map(({ address: { env, tenant } }) => `${env} ${tenant}`))].map((key) => {
        const { env, tenant } = providers.find(({ address }) => `${address.env} ${address.tenant}` === key)!.address;
        const flow = (id: string, type = "webhook") => ({ id, type, nodes: 1 });
        const flows = [flow("f"), flow("echo"), flow("vanished"), flow("chat", "messaging")];
        return {
          name: "echo",
          version: "1.0.0",
          packHash: "0",
          scope: { env, tenant },
          flows,
          components: [],
          tools: [],
        };
      }),
    start: () => undefined,
    drain: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
  return runtime;
}
