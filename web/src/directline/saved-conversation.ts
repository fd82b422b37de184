import { isRecord } from "./activity.ts";
import type { Activity } from "./activity.ts";

/** What survives a reload of the tab: enough to go on where the conversation was. */
export interface SavedConversation {
  readonly userId: string;
  readonly conversationId: string;
  readonly token: string;
  readonly expiresAtMs: number;
}

/** An activity on its way, or one that failed with a code and waits for the person to retry. */
interface UnsentActivity {
  readonly activity: Activity;
  readonly failedCode?: string;
}

/** Where the tab keeps its conversation. Nothing outlives the tab, so a shared machine shows nobody else's. */
export interface ConversationStorage {
  readonly load: () => SavedConversation | undefined;
  readonly save: (saved: SavedConversation) => void;
  readonly clear: () => void;
  /** Activities that the server hasn't confirmed, oldest first. */
  readonly loadUnsent: () => readonly UnsentActivity[];
  readonly saveUnsent: (unsent: readonly UnsentActivity[]) => void;
}

/** Opens the storage of one tenant's conversation in this tab; where the browser refuses storage it forgets on reload. */
export function openStorage(tenant: string): ConversationStorage {
  const key = `greentic:webchat:${tenant}`;
  const unsentKey = `${key}:unsent`;
  return {
    load: () => {
      const value = read(key);
      if (!isRecord(value)) return undefined;
      const { userId, conversationId, token, expiresAtMs } = value;
      if (typeof userId !== "string" || typeof conversationId !== "string") return undefined;
      if (typeof token !== "string" || typeof expiresAtMs !== "number") return undefined;
      return { userId, conversationId, token, expiresAtMs };
    },
    save: (saved) => write(key, saved),
    clear: () => {
      write(key, undefined);
    },
    loadUnsent: () => {
      const value = read(unsentKey);
      return Array.isArray(value) ? value.filter(isUnsent) : [];
    },
    saveUnsent: (unsent) => write(unsentKey, unsent.length === 0 ? undefined : unsent),
  };
}

function isUnsent(item: unknown): item is UnsentActivity {
  return isRecord(item) && isRecord(item["activity"]) && typeof item["activity"]["type"] === "string";
}

function read(key: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    return undefined;
  }
}

function write(key: string, value: unknown): void {
  try {
    if (value === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is refused in some embedded frames and full in others: the conversation then lasts as long as the page.
  }
}
