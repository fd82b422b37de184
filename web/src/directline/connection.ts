import type { Activity, ActivitySet } from "./activity.ts";
import { backoffMs, pause } from "./backoff.ts";
import { createRest, DirectLineError } from "./rest.ts";
import type { DirectLineRest, OpenedConversation, Token } from "./rest.ts";
import type { ConversationStorage, SavedConversation } from "./saved-conversation.ts";
import { askSiteForToken } from "./site-token.ts";
import type { SiteToken } from "./site-token.ts";
import { followStream } from "./stream.ts";

/** Where the conversation with the host stands. `expired`: the host no longer takes its token or knows it. */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected"; readonly over: "stream" | "polling" }
  | { readonly kind: "reconnecting" }
  | { readonly kind: "expired" }
  | { readonly kind: "failed"; readonly code: string; readonly status: number };

export interface ConnectionOptions {
  /** Ends in `/v3/directline`. */
  readonly base: string;
  readonly storage: ConversationStorage;
  readonly locale: () => string;
  /** The site whose server hands out tokens; absent where the host gives one to anybody. */
  readonly tokenSite?: string | undefined;
  readonly onState: (state: ConnectionState) => void;
  readonly onActivities: (activities: readonly Activity[]) => void;
  /** A conversation begins or is resumed under this id; resumed ones bring their whole log again. */
  readonly onConversation: (conversation: SavedConversation, options: { readonly isResumed: boolean }) => void;
}

const POLL_MS = 1_000;
/** A loss that takes longer than this to mend is shown. */
const LATE_MS = 1_200;
/** Streams that never opened before the client polls instead. */
const REFUSALS_BEFORE_POLLING = 2;
/** A stream that lived this long was a good one: the next loss starts the backoff anew. */
const GOOD_STREAM_MS = 5_000;
/** A token is refreshed when this share of its life is over. */
const REFRESH_AT = 0.6;

/**
 * One conversation over Direct Line: opens or resumes it, follows its stream (or polls), comes back with backoff after a loss
 * from the last watermark, and refreshes its token before it expires. `start` once; `restart` begins a new conversation.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #rest: DirectLineRest;
  readonly #hurry = new EventTarget();
  #life = new AbortController();
  #saved: SavedConversation | undefined;
  /** The tab's conversation, until the site has said who is there. */
  #earlier: SavedConversation | undefined;
  #watermark: string | undefined;
  #refusals = 0;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  #lateTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#rest = createRest(options.base);
    const hurry = (): void => void this.#hurry.dispatchEvent(new Event("hurry"));
    addEventListener("online", hurry);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && hurry());
  }

  /** The conversation while there is one. */
  get conversation(): SavedConversation | undefined {
    return this.#saved;
  }

  /** Resumes the tab's conversation or begins one, and keeps it connected. */
  start(): void {
    const saved = this.#options.storage.load();
    if (this.#options.tokenSite !== undefined) this.#earlier = saved;
    else if (saved !== undefined && saved.expiresAtMs > Date.now()) this.#saved = saved;
    void this.#run(this.#life.signal, saved !== undefined);
  }

  /** Leaves this conversation and begins a new one. */
  restart(): void {
    this.#life.abort();
    this.#life = new AbortController();
    this.#forget();
    void this.#run(this.#life.signal, false);
  }

  /** Leaves the conversation as it is: nothing more is sent or received. */
  stop(): void {
    this.#life.abort();
    clearTimeout(this.#refreshTimer);
    clearTimeout(this.#lateTimer);
  }

  /** Posts one activity; resolves to the server's id. @throws DirectLineError */
  async post(activity: Activity): Promise<string | undefined> {
    const saved = this.#saved;
    if (saved === undefined) throw new DirectLineError("NOT_CONNECTED", { status: 0 });
    return this.#rest.postActivity(saved.token, saved.conversationId, activity);
  }

  async #run(signal: AbortSignal, mayBeStale: boolean): Promise<void> {
    let attempt = 0;
    let isFirst = true;
    this.#tell({ kind: "connecting" });
    while (!signal.aborted) {
      let retryAfterMs = 0;
      try {
        const wasResumed = this.#saved !== undefined;
        const opened = wasResumed ? await this.#resume(signal, isFirst) : await this.#begin(signal);
        if (signal.aborted) return;
        isFirst = false;
        mayBeStale = false;
        const startedMs = Date.now();
        await this.#follow(opened, signal);
        if (Date.now() - startedMs > GOOD_STREAM_MS) attempt = 0;
        // Streams end with their token and come back at once: that is nobody's concern unless it takes long.
        this.#lateTimer = setTimeout(() => this.#tell({ kind: "reconnecting" }), LATE_MS);
      } catch (error) {
        if (signal.aborted) return;
        const failure =
          error instanceof DirectLineError ? error : new DirectLineError("PAGE_FAULT", { status: 500, cause: error });
        if (!failure.isPassing) {
          // A conversation kept from before this load that the host no longer knows: nothing is on screen yet, so begin anew.
          if (mayBeStale && this.#saved !== undefined) {
            mayBeStale = false;
            this.#forget();
            continue;
          }
          this.#tell(
            this.#saved === undefined
              ? { kind: "failed", code: failure.code, status: failure.status }
              : { kind: "expired" },
          );
          this.#forget();
          return;
        }
        retryAfterMs = failure.retryAfterMs ?? 0;
      }
      if (signal.aborted) return;
      attempt++;
      if (attempt > 1) this.#tell({ kind: "reconnecting" });
      await pause(Math.max(retryAfterMs, backoffMs(attempt)), { signal, hurry: this.#hurry });
    }
  }

  async #begin(signal: AbortSignal): Promise<OpenedConversation> {
    const { locale, onConversation, tokenSite } = this.#options;
    const { token, userId } = tokenSite === undefined ? await this.#ownToken() : await askSiteForToken(tokenSite);
    if (this.#takesUp(userId)) return this.#resume(signal, true);
    const opened = await this.#rest.startConversation(token, { user: { id: userId }, locale: locale() });
    if (signal.aborted) return opened;
    this.#keep(opened, { userId, conversationId: opened.conversationId });
    if (this.#saved !== undefined) onConversation(this.#saved, { isResumed: false });
    return opened;
  }

  async #ownToken(): Promise<SiteToken> {
    const userId = `dl_${crypto.randomUUID()}`;
    const { token } = await this.#rest.generateToken({ user: { id: userId } });
    return { token, userId };
  }

  /** Takes up the tab's earlier conversation where it is this person's; nothing of anybody else's stays. */
  #takesUp(userId: string): boolean {
    const earlier = this.#earlier;
    this.#earlier = undefined;
    if (earlier === undefined) return false;
    if (earlier.userId === userId && earlier.expiresAtMs > Date.now()) {
      this.#saved = earlier;
      return true;
    }
    this.#options.storage.clear();
    if (earlier.userId !== userId) this.#options.storage.saveUnsent([]);
    return false;
  }

  /** Catches up by REST first, which every server can, then asks for a stream from where that ended. */
  async #resume(signal: AbortSignal, isFirst: boolean): Promise<OpenedConversation> {
    const saved = this.#saved;
    if (saved === undefined) throw new TypeError("no conversation to resume");
    if (isFirst) this.#options.onConversation(saved, { isResumed: true });
    await this.#catchUp(signal);
    const { token, conversationId } = this.#saved ?? saved;
    try {
      const opened = await this.#rest.reconnect(token, conversationId, this.#watermark);
      if (!signal.aborted) this.#keep(opened, saved);
      return opened;
    } catch (error) {
      // The conversation was just read, so a 404 here means a host without this endpoint: poll.
      if (!(error instanceof DirectLineError) || (error.status !== 404 && error.status !== 501)) throw error;
      return { conversationId, token, expiresInSeconds: (saved.expiresAtMs - Date.now()) / 1000 };
    }
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    for (;;) {
      const saved = this.#saved;
      if (saved === undefined || signal.aborted) return;
      const set = await this.#rest.readActivities(saved.token, saved.conversationId, this.#watermark);
      if (signal.aborted) return;
      const isLast = set.activities.length === 0 || set.watermark === undefined || set.watermark === this.#watermark;
      this.#take(set);
      if (isLast) return;
    }
  }

  async #follow(opened: OpenedConversation, signal: AbortSignal): Promise<void> {
    if (opened.streamUrl !== undefined && this.#refusals < REFUSALS_BEFORE_POLLING) {
      const end = await followStream(new URL(opened.streamUrl, location.href.replace(/^http/, "ws")).href, {
        signal,
        onOpen: () => {
          this.#refusals = 0;
          this.#tell({ kind: "connected", over: "stream" });
        },
        onActivities: (set) => this.#take(set),
      });
      if (end === "refused") this.#refusals++;
      return;
    }
    while (!signal.aborted) {
      await this.#catchUp(signal);
      if (signal.aborted) return;
      this.#tell({ kind: "connected", over: "polling" });
      await pause(POLL_MS, { signal, hurry: this.#hurry });
    }
  }

  #tell(state: ConnectionState): void {
    clearTimeout(this.#lateTimer);
    this.#options.onState(state);
  }

  #take(set: ActivitySet): void {
    if (set.watermark !== undefined) this.#watermark = set.watermark;
    if (set.activities.length > 0) this.#options.onActivities(set.activities);
  }

  #keep(token: Token, ids: { readonly userId: string; readonly conversationId: string }): void {
    this.#saved = {
      userId: ids.userId,
      conversationId: ids.conversationId,
      token: token.token,
      expiresAtMs: Date.now() + token.expiresInSeconds * 1000,
    };
    this.#options.storage.save(this.#saved);
    this.#refreshIn(token.expiresInSeconds * 1000 * REFRESH_AT);
  }

  #refreshIn(delayMs: number): void {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => void this.#refresh(), Math.min(delayMs, 2 ** 31 - 1));
  }

  async #refresh(): Promise<void> {
    const saved = this.#saved;
    if (saved === undefined || this.#life.signal.aborted) return;
    try {
      const token = await this.#rest.refreshToken(saved.token);
      if (this.#saved?.conversationId === saved.conversationId) this.#keep(token, saved);
    } catch {
      // Until it expires the old token is good; afterwards the next request finds out and the person is told.
      const leftMs = saved.expiresAtMs - Date.now();
      if (leftMs > 0 && this.#saved === saved) this.#refreshIn(Math.max(1_000, leftMs / 4));
    }
  }

  #forget(): void {
    clearTimeout(this.#refreshTimer);
    this.#saved = undefined;
    this.#earlier = undefined;
    this.#watermark = undefined;
    this.#options.storage.clear();
  }
}
