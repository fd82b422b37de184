import type { ByteSink, Pending, Wasi } from "../../linker/index.ts";
import { ComponentErr, IoError, OutputStream, streamClosed, streamFailure } from "../../linker/index.ts";
import type { Fields } from "./fields.ts";
import type { WasiHttpError } from "./wasi-error.ts";

const MAX_BODY_BYTES = 8 << 20;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const AUTHORITY = /^[^/\\?#@\s\u0000-\u001f\u007f]{1,255}$/;
const PATH = /^[/?][^#\\\s\u0000-\u001f\u007f]*$/;
const MAX_PATH = 8192;

const refused = (): ComponentErr => new ComponentErr(undefined);

interface Tagged {
  readonly tag: string;
  readonly val?: string;
}

/** `outgoing-request` of wasi:http. */
export class OutgoingRequest {
  readonly headers: Fields;
  readonly body = new OutgoingBody();
  method: Tagged = { tag: "get" };
  scheme: Tagged | undefined;
  authority: string | undefined;
  pathWithQuery: string | undefined;
  #isBodyTaken = false;

  constructor(headers: Fields) {
    this.headers = headers.frozen();
  }

  takeBody(): OutgoingBody {
    if (this.#isBodyTaken) throw refused();
    this.#isBodyTaken = true;
    return this.body;
  }

  setMethod(method: Tagged): void {
    if (method.tag === "other" && !TOKEN.test(method.val ?? "")) throw refused();
    this.method = method;
  }

  setScheme(scheme: Tagged | undefined): void {
    if (scheme?.tag === "other" && !TOKEN.test(scheme.val ?? "")) throw refused();
    this.scheme = scheme;
  }

  setAuthority(authority: string | undefined): void {
    if (authority !== undefined && !AUTHORITY.test(authority)) throw refused();
    this.authority = authority;
  }

  setPathWithQuery(path: string | undefined): void {
    if (path !== undefined && path !== "" && (path.length > MAX_PATH || !PATH.test(path))) throw refused();
    this.pathWithQuery = path;
  }

  get methodName(): string {
    return this.method.tag === "other" ? (this.method.val ?? "") : this.method.tag.toUpperCase();
  }

  /** @throws ComponentErr `HTTP-request-URI-invalid` where it names no host, or a scheme that isn't HTTP */
  get url(): string {
    const scheme = this.scheme?.tag ?? "HTTPS";
    if (this.authority === undefined || scheme === "other") throw new ComponentErr({ tag: "HTTP-request-URI-invalid" });
    const path = this.pathWithQuery ?? "";
    return `${scheme.toLowerCase()}://${this.authority}${path.startsWith("/") ? path : `/${path}`}`;
  }

  /** What there is of a body; undefined where the guest never asked for one. */
  async bytes(): Promise<Uint8Array | WasiHttpError | undefined> {
    return this.#isBodyTaken ? await this.body.finished : undefined;
  }
}

/** `outgoing-body` of wasi:http: collected here, sent when the guest has finished it. */
export class OutgoingBody implements ByteSink, Disposable {
  /** What was written, or why there is nothing to send. */
  readonly finished: Promise<Uint8Array | WasiHttpError>;
  readonly #settle: (result: Uint8Array | WasiHttpError) => void;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #isOver = false;
  #isStreamTaken = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Uint8Array | WasiHttpError>();
    this.finished = promise;
    this.#settle = resolve;
  }

  stream(): OutputStream {
    if (this.#isStreamTaken) throw refused();
    this.#isStreamTaken = true;
    return new OutputStream(this);
  }

  check(): void {
    if (this.#isOver) throw streamClosed();
  }

  write(wasi: Wasi, bytes: Uint8Array): void {
    this.check();
    this.#size += bytes.length;
    if (this.#size > MAX_BODY_BYTES || !wasi.takeBuffer(bytes.length)) {
      const code: WasiHttpError = { tag: "HTTP-request-body-size", val: BigInt(MAX_BODY_BYTES) };
      this.#end(code);
      throw streamFailure(
        new IoError(`the body is larger than ${MAX_BODY_BYTES} bytes, or too much is held already`, code),
      );
    }
    this.#chunks.push(bytes);
  }

  /** @throws ComponentErr where there are trailers: nobody would get them */
  finish(trailers: Fields | undefined): void {
    if (trailers !== undefined && trailers.entries.length > 0) {
      const code: WasiHttpError = { tag: "HTTP-request-trailer-section-size", val: 0 };
      this.#end(code);
      throw new ComponentErr(code);
    }
    this.#end(Buffer.concat(this.#chunks));
  }

  /** A body that is dropped unfinished is no request: half of it must not be taken for all. */
  [Symbol.dispose](): void {
    this.#end({ tag: "HTTP-protocol-error" });
  }

  #end(result: Uint8Array | WasiHttpError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#chunks.length = 0;
    this.#settle(result);
  }
}

/** `request-options` of wasi:http; durations in nanoseconds. */
export class RequestOptions {
  connectTimeout: bigint | undefined;
  firstByteTimeout: bigint | undefined;
  betweenBytesTimeout: bigint | undefined;

  /** All that the request may take: what it may take for its parts, added up. */
  get timeoutMs(): number | undefined {
    const parts = [this.connectTimeout, this.firstByteTimeout, this.betweenBytesTimeout].filter(
      (part) => part !== undefined,
    );
    if (parts.length === 0) return undefined;
    const sum = parts.reduce((total, part) => total + Number(part), 0);
    return Math.min(2 ** 31 - 1, Math.max(1, Math.ceil(sum / 1e6)));
  }
}

/** `outgoing-response` of wasi:http; nobody asks a component for one here. */
export class OutgoingResponse {
  readonly headers: Fields;
  readonly body = new OutgoingBody();
  statusCode = 200;
  #isBodyTaken = false;

  constructor(headers: Fields) {
    this.headers = headers.frozen();
  }

  takeBody(): OutgoingBody {
    if (this.#isBodyTaken) throw refused();
    this.#isBodyTaken = true;
    return this.body;
  }

  setStatusCode(status: number): void {
    if (status < 100 || status > 999) throw refused();
    this.statusCode = status;
  }
}

/** Something that has an answer once, and then none any more. */
export class FutureAnswer<T> implements Pending {
  readonly done: Promise<unknown>;
  #answer: T | undefined;
  #state: "pending" | "there" | "taken" = "pending";

  constructor(answer: Promise<T>) {
    this.done = answer.then((value) => {
      this.#answer = value;
      this.#state = "there";
    });
  }

  get isDone(): boolean {
    return this.#state !== "pending";
  }

  /** `option<result<T>>`: none while it is pending, err once it was taken. */
  take(): { readonly tag: "ok" | "err"; readonly val?: T } | undefined {
    if (this.#state === "pending") return undefined;
    if (this.#state === "taken" || this.#answer === undefined) return { tag: "err" };
    this.#state = "taken";
    return { tag: "ok", val: this.#answer };
  }
}
