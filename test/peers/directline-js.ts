/** Microsoft's Direct Line client under Node: its requests go out by fetch, as its options let them. */
import { loadPeer } from "./load-peer.ts";

/** An activity as the client hands it out. */
export interface PeerActivity {
  readonly id?: string;
  readonly type: string;
  readonly text?: string;
  readonly summary?: string;
  readonly from: { readonly id: string; readonly role?: string };
  readonly attachments?: readonly { readonly contentType: string; readonly content?: unknown }[];
}

interface Subscription {
  unsubscribe(): void;
}
interface Observable<T> {
  subscribe(next: (value: T) => void, error?: (error: unknown) => void): Subscription;
}

/** The parts of the client that tests use. */
export interface PeerClient {
  readonly activity$: Observable<PeerActivity>;
  readonly connectionStatus$: Observable<number>;
  readonly conversationId: string;
  readonly watermark: string;
  token: string;
  postActivity(activity: object): Observable<string>;
  /** What it does every quarter of an hour. */
  refreshToken(): Observable<string>;
  reconnect(conversation: {
    readonly token: string;
    readonly streamUrl?: string;
    readonly conversationId: string;
  }): void;
  end(): void;
}

/** The client's own names of its states. */
export const STATUS = { connecting: 1, online: 2, expiredToken: 3, failedToConnect: 4, ended: 5 } as const;

interface AjaxRequest {
  readonly method: string;
  readonly url: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeout?: number;
}
interface Observer {
  next(value: unknown): void;
  complete(): void;
  error(error: unknown): void;
}

/** Makes a client; `options` are its own. */
export function createPeerClient(options: object): PeerClient {
  const { DirectLine } = loadPeer("botframework-directlinejs") as {
    readonly DirectLine: new (options: object) => PeerClient;
  };
  const { Observable: Rx } = loadPeer("rxjs/Observable") as {
    readonly Observable: new (subscribe: (observer: Observer) => () => void) => Observable<unknown>;
  };
  const ajax = (request: AjaxRequest): Observable<unknown> =>
    new Rx((observer) => {
      const stop = new AbortController();
      void send(request, stop.signal).then(
        (answer) => {
          observer.next(answer);
          observer.complete();
        },
        (error: unknown) => observer.error(error),
      );
      return () => stop.abort();
    });
  // After a loss it waits 3 seconds and up to 12 more by chance.
  return new DirectLine({ ajax, random: () => 0, pollingInterval: 200, ...options });
}

async function send(
  { url, method, headers, body, timeout = 20_000 }: AjaxRequest,
  signal: AbortSignal,
): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    });
  } catch {
    throw Object.assign(new Error("no answer"), { status: 0 });
  }
  const response: unknown = await answer.json().catch(() => null);
  const xhr = { getResponseHeader: (name: string) => answer.headers.get(name), response };
  if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status, xhr, response });
  return { status: answer.status, response, xhr };
}

/** What a client hears, in order. */
export class PeerEars {
  readonly heard: PeerActivity[] = [];
  readonly statuses: number[] = [];
  #wake: (() => void) | undefined;

  constructor(client: PeerClient) {
    client.connectionStatus$.subscribe((status) => {
      this.statuses.push(status);
      this.#wake?.();
    });
    client.activity$.subscribe(
      (activity) => {
        this.heard.push(activity);
        this.#wake?.();
      },
      // What ends it is told by the status.
      () => undefined,
    );
  }

  /** The worker's messages so far, a card by its summary. */
  get worker(): readonly string[] {
    return this.heard
      .filter(({ type, from }) => type === "message" && from.role === "bot")
      .map(({ text, summary }) => text ?? summary ?? "");
  }

  /** Waits until something is so. */
  async until(isSo: (ears: this) => boolean): Promise<void> {
    while (!isSo(this)) await new Promise<void>((woken) => (this.#wake = woken));
  }
}

/** Posts and waits for the id that the client is told. */
export function post(client: PeerClient, activity: object): Promise<string> {
  return new Promise((told, fail) => client.postActivity(activity).subscribe(told, fail));
}
