/** An activity as far as tests look at it. */
export interface SeenActivity {
  readonly id: string;
  readonly type: string;
  readonly from: { readonly id: string };
  readonly text?: string;
  /** What the card says, for clients that show none. */
  readonly summary?: string;
  readonly attachments?: readonly { readonly contentType: string; readonly content: unknown }[];
  readonly suggestedActions?: { readonly actions: readonly { readonly title: string; readonly value: string }[] };
}

/** A conversation over Direct Line, by polling: what any client does that has no stream. Survives a host that goes away. */
export class DirectLineClient {
  readonly #base: () => string;
  readonly #locale: string;
  #token = "";
  #conversation = "";
  #user = "";
  #watermark: string | undefined;
  #sent = 0;
  /** Everything of the worker so far, in order. */
  readonly heard: SeenActivity[] = [];

  /** `base` gives the host's current URL. */
  constructor(base: () => string, options: { readonly tenant?: string; readonly locale?: string } = {}) {
    this.#base = () => `${base()}/v1/messaging/webchat/${options.tenant ?? "demo"}/v3/directline`;
    this.#locale = options.locale ?? "en";
  }

  get conversation(): string {
    return this.#conversation;
  }

  async open(): Promise<void> {
    const token = (await this.#call("POST", "/tokens/generate", {}, "")) as { token: string };
    const conversation = (await this.#call("POST", "/conversations", {}, token.token)) as {
      conversationId: string;
      token: string;
    };
    this.#conversation = conversation.conversationId;
    this.#token = conversation.token;
  }

  /** Sends a text; a host that dies before it answers gets the same activity again, under the same client id. */
  async say(text: string, value?: object): Promise<string> {
    const activity = {
      type: "message",
      text,
      ...(value && { value }),
      locale: this.#locale,
      from: { id: "someone" },
      channelData: { clientActivityID: `${this.#conversation}-${this.#sent++}` },
    };
    const { id } = (await this.#call("POST", `/conversations/${this.#conversation}/activities`, activity)) as {
      id: string;
    };
    return id;
  }

  /** Waits until the worker has said `count` messages in all. */
  async until(count: number, timeoutMs = 30_000): Promise<readonly SeenActivity[]> {
    const endMs = Date.now() + timeoutMs;
    while (this.heard.length < count) {
      if (Date.now() > endMs) throw new Error(`waited for ${count} messages, heard ${this.heard.length}`);
      await this.poll();
      if (this.heard.length < count) await new Promise((later) => setTimeout(later, 30));
    }
    return this.heard;
  }

  /** Fetches what is new. */
  async poll(): Promise<void> {
    const query = this.#watermark === undefined ? "" : `?watermark=${this.#watermark}`;
    const set = (await this.#call("GET", `/conversations/${this.#conversation}/activities${query}`)) as {
      activities: SeenActivity[];
      watermark?: string;
    };
    this.#watermark = set.watermark ?? this.#watermark;
    for (const activity of set.activities) {
      if (activity.from.id.startsWith("dl_") || activity.from.id === this.#user) this.#user = activity.from.id;
      else if (activity.type === "message") this.heard.push(activity);
    }
  }

  /** Reads the whole conversation again, from the beginning. */
  async all(): Promise<readonly SeenActivity[]> {
    const set = (await this.#call("GET", `/conversations/${this.#conversation}/activities`)) as {
      activities: SeenActivity[];
    };
    return set.activities.filter((activity) => activity.type === "message");
  }

  async #call(method: string, path: string, body?: object, token = this.#token): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(this.#base() + path, {
          method,
          headers: { "content-type": "application/json", ...(token !== "" && { authorization: `Bearer ${token}` }) },
          ...(body && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(10_000),
        });
        if (response.ok) return await response.json();
        const text = await response.text();
        if (response.status !== 503 && response.status !== 429)
          throw new RangeError(`${method} ${path}: ${response.status} ${text}`);
      } catch (error) {
        if (error instanceof RangeError || attempt > 2_000) throw error;
      }
      await new Promise((later) => setTimeout(later, 50));
    }
  }
}
