import { conversationOf } from "../session/index.ts";
import type { TurnEvent, TurnObserver } from "../telemetry/index.ts";
import type { SessionKeyText } from "../types/index.ts";

/** Hands the engine's events to whoever watches a conversation; costs one comparison while nobody does. */
export interface TurnFeed {
  /** The observer to give to the runtime. */
  readonly observe: TurnObserver;
  /** Calls `listener` with the events of a conversation (`conversationOf` of its sessions). Returns how to stop. */
  subscribe(conversation: string, listener: (event: TurnEvent) => void): () => void;
}

/** Makes a feed without subscribers. */
export function createTurnFeed(): TurnFeed {
  const listeners = new Map<string, Set<(event: TurnEvent) => void>>();
  return {
    observe: (event) => {
      if (listeners.size === 0 || event.ctx.session === undefined) return;
      const watching = listeners.get(conversationOf(event.ctx.session as SessionKeyText));
      if (watching !== undefined) for (const listener of watching) listener(event);
    },
    subscribe: (conversation, listener) => {
      const watching = listeners.get(conversation) ?? new Set();
      listeners.set(conversation, watching);
      watching.add(listener);
      return () => {
        watching.delete(listener);
        if (watching.size === 0 && listeners.get(conversation) === watching) listeners.delete(conversation);
      };
    },
  };
}
