import type { LogLine, OfferedFlow, Offering } from "../mcp/index.ts";
import type { Provider } from "../messaging/index.ts";
import { receiveMcp } from "../messaging/index.ts";
import type { Runtime, RuntimeOptions, Scope } from "../runner/index.ts";
import type { TurnObserver } from "../telemetry/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { conversationId, formatSessionKey, userId } from "../types/index.ts";

type Log = NonNullable<RuntimeOptions["log"]>;

/** Answers are known as long as the sessions that name them can be used, and a day more. */
const ANSWER_TTL_MS = 31 * 86_400_000;

/** Who wants to know what happens in a session while its turn runs. */
interface Listener {
  readonly onNode: ((node: { readonly flow: string; readonly node: string }) => void) | undefined;
  readonly onLog: ((line: LogLine) => void) | undefined;
}

/** Hands the engine's events and lines to whoever called the session's flow. */
export class CallFeed {
  readonly #listeners = new Map<string, Listener>();

  /** The observer to give to the runtime. */
  readonly observe: TurnObserver = (event) => {
    if (event.kind !== "node.ended" || event.ctx.session === undefined) return;
    this.#listeners.get(event.ctx.session)?.onNode?.({ flow: event.flow, node: event.node });
  };

  /** The log to give to the runtime, beside the operator's own. */
  readonly log: Log = (ctx, level, message) => {
    if (ctx.session !== undefined) this.#listeners.get(ctx.session)?.onLog?.({ level, message, node: ctx.node });
  };

  /** Listens to a session. Returns how to stop. */
  listen(session: SessionKeyText, listener: Listener): () => void {
    this.#listeners.set(session, listener);
    return () => {
      if (this.#listeners.get(session) === listener) this.#listeners.delete(session);
    };
  }
}

export interface OfferingOptions {
  readonly runtime: Runtime;
  /** The tenant's channel for calls. */
  readonly provider: Provider;
  readonly scope: Scope;
  readonly feed: CallFeed;
  readonly title: string;
  /** Ids of the flows that are offered; empty: all that offer themselves. */
  readonly flows: readonly string[];
  /** BCP 47; the language of what flows say, since callers have none. */
  readonly locale?: string | undefined;
  /** How long a turn may take. */
  readonly timeoutMs: number;
}

/** Offers what a tenant's packs offer; every call is a message to the runtime, with all that it promises of messages. */
export function createOffering(options: OfferingOptions): Offering {
  const { runtime, provider, scope, feed, title, flows, locale, timeoutMs } = options;
  const keyOf = (conversation: string): SessionKeyText =>
    formatSessionKey({ ...provider.address, conversation: conversationId(conversation), user: userId("mcp") });
  return {
    title,
    list: () => runtime.listOffers(scope).filter(({ flow }) => flows.length === 0 || flows.includes(flow)),
    watch: (listener) => runtime.watchPacks(listener),
    async call({ flow, conversation, id, fields, text, canSample, isDeclined = false, signal, onNode, onLog }) {
      const message = receiveMcp(provider.address, {
        conversation,
        id,
        fields,
        canSample,
        isDeclined,
        // An old session must not answer a later question.
        ...(flow === undefined && { dedupeTtlMs: ANSWER_TTL_MS }),
        ...(text !== undefined && { text }),
        ...(locale !== undefined && { locale }),
      });
      const stop = feed.listen(keyOf(conversation), { onNode, onLog });
      try {
        return await runtime.request(provider, message, {
          timeoutMs,
          choice: { isFixed: true, ...(flow === undefined ? { isAnswer: true } : choiceOf(flow)) },
          ...(signal && { signal }),
        });
      } finally {
        stop();
      }
    },
    async end(conversation) {
      await runtime.store.end(keyOf(conversation));
    },
  };
}

function choiceOf({ pack, flow }: OfferedFlow): { readonly pack: string; readonly flow: string } {
  return { pack, flow };
}
