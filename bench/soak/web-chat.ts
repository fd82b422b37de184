import { WebSocket } from "ws";
import type { Ledger } from "./ledger.ts";

interface Activity {
  readonly id: string;
  readonly type: string;
  readonly from: { readonly id: string };
  readonly text?: string;
}

/** How long an answer may take before it counts as lost. */
const PATIENCE_MS = 120_000;
const RETRY_MS = 250;

/** A person in WebChat: listens by a stream that comes and goes, or by asking; repeats what wasn't acknowledged. */
export class WebChatPerson {
  readonly #base: string;
  readonly #ledger: Ledger;
  readonly #random: () => number;
  readonly #expected: string[] = [];
  readonly #said: string[] = [];
  readonly #heard = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  #conversation = "";
  #token = "";
  #stream: WebSocket | undefined;
  #watermark = 0;
  /** Rounds that were held. */
  rounds = 0;

  constructor(gateway: string, { ledger, random }: { readonly ledger: Ledger; readonly random: () => number }) {
    this.#base = `${gateway}/v1/messaging/webchat/demo/v3/directline`;
    this.#ledger = ledger;
    this.#random = random;
  }

  async open(): Promise<void> {
    const { token } = (await this.#call("POST", "/tokens/generate", "{}")) as { token: string };
    this.#token = token;
    const opened = (await this.#call("POST", "/conversations", "{}")) as { conversationId: string; token: string };
    this.#conversation = opened.conversationId;
    this.#token = opened.token;
  }

  /** Says something and waits for its answers. */
  async say(text: string, answers: readonly string[]): Promise<void> {
    this.#said.push(text);
    this.#expected.push(...answers);
    const wanted = this.#expected.length;
    const channelData = { clientActivityID: `${this.#conversation}-${this.#said.length}` };
    const body = JSON.stringify({ type: "message", text, locale: "en", from: { id: "someone" }, channelData });
    const path = `/conversations/${this.#conversation}/activities`;
    const startedMs = performance.now();
    // Some clients are gone before they hear that they were heard; they say it again under the same name.
    if (this.#random() < 0.02) await this.#breakOff(path, body);
    await this.#call("POST", path, body);
    const endMs = performance.now() + PATIENCE_MS;
    while (this.#heard.size < wanted && performance.now() < endMs) {
      if (this.#stream === undefined) await this.#poll();
      if (this.#heard.size < wanted) await this.#change(this.#stream === undefined ? 100 : 1_000);
    }
    this.#ledger.took("webchat", performance.now() - startedMs);
  }

  /** Opens a stream where there is none, closes one where there is. */
  async toggleStream(): Promise<void> {
    if (this.#stream !== undefined) return this.#closeStream();
    const path = `/conversations/${this.#conversation}?watermark=${this.#watermark}`;
    const { streamUrl } = (await this.#call("GET", path)) as { streamUrl: string };
    const stream = new WebSocket(streamUrl);
    this.#stream = stream;
    stream.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text !== "") this.#take(JSON.parse(text) as { activities: Activity[]; watermark?: string });
    });
    const gone = (): void => {
      if (this.#stream === stream) this.#stream = undefined;
      this.#changed();
    };
    stream.on("close", gone).on("error", gone);
  }

  /** Reads everything again and compares it with what was said and should have been heard. */
  async leave(): Promise<void> {
    this.#closeStream();
    const { activities } = (await this.#call("GET", `/conversations/${this.#conversation}/activities`)) as {
      activities: Activity[];
    };
    const messages = activities.filter(({ type }) => type === "message");
    const isMine = ({ from }: Activity): boolean => from.id.startsWith("dl_");
    const texts = (mine: boolean): string[] => messages.filter((a) => isMine(a) === mine).map((a) => a.text ?? "");
    this.#ledger.compare("webchat said", texts(true), this.#said);
    this.#ledger.compare("webchat heard", texts(false), this.#expected);
    this.#ledger.compare("webchat shown", [...this.#heard.values()], this.#expected);
  }

  #closeStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.removeAllListeners();
    stream?.on("error", () => undefined);
    // Half of them leave without a word.
    if (this.#random() < 0.5) stream?.close();
    else stream?.terminate();
  }

  async #poll(): Promise<void> {
    const path = `/conversations/${this.#conversation}/activities?watermark=${this.#watermark}`;
    this.#take((await this.#call("GET", path)) as { activities: Activity[]; watermark?: string });
  }

  #take({ activities, watermark }: { readonly activities: readonly Activity[]; readonly watermark?: string }): void {
    for (const { id, type, from, text = "" } of activities) {
      // What comes by stream and by asking is one activity: clients know it by its id.
      if (type === "message" && !from.id.startsWith("dl_")) this.#heard.set(id, text);
    }
    this.#watermark = Math.max(this.#watermark, Number(watermark ?? 0));
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#waiting) wake();
  }

  #change(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    this.#waiting.add(wake);
    return promise;
  }

  async #breakOff(path: string, body: string): Promise<void> {
    this.#ledger.count("broken off");
    const signal = AbortSignal.timeout(1 + Math.floor(this.#random() * 8));
    await fetch(this.#base + path, { method: "POST", headers: this.#headers(), body, signal })
      .then((response) => response.text())
      .catch(() => undefined);
  }

  #headers(): Record<string, string> {
    return {
      "content-type": "application/json",
      ...(this.#token !== "" && { authorization: `Bearer ${this.#token}` }),
    };
  }

  async #call(method: string, path: string, body?: string): Promise<unknown> {
    const endMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const signal = AbortSignal.timeout(20_000);
        const response = await fetch(this.#base + path, {
          method,
          headers: this.#headers(),
          signal,
          ...(body !== undefined && { body }),
        });
        if (response.ok) return await response.json();
        await response.text();
        if (response.status !== 503 && response.status !== 429)
          throw new RangeError(`${method} ${path}: ${response.status}`);
        this.#ledger.count(`told to come again (${response.status})`);
      } catch (error) {
        if (error instanceof RangeError || performance.now() > endMs) throw error;
        this.#ledger.count("connection failed");
      }
      await new Promise((later) => setTimeout(later, RETRY_MS));
    }
  }
}
