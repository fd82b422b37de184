/**
 * SMTP, as this channel sends: a few connections that stay open for a while, one mail and one recipient at a time. What is told apart is
 * whether the server can have taken a mail whose answer never came: only then, and not before the last byte was handed over, is it in doubt.
 * @see https://www.rfc-editor.org/rfc/rfc5321
 */
import { Readable } from "node:stream";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SMTPConnectionAuth, SMTPConnectionOptions } from "nodemailer/lib/smtp-connection";
import type { World } from "../../../types/index.ts";
import { GreenticError } from "../../../types/index.ts";
import type { FindAddresses, MailRoute } from "./reach.ts";
import { routeTo } from "./reach.ts";
import type { MailServer } from "./settings.ts";

/** How a send ended. */
export type SmtpResult =
  | { readonly kind: "ok" }
  /** Not now: 4xx. */
  | { readonly kind: "deferred" }
  /** Never: 5xx, and whether it is for whom it was to. */
  | { readonly kind: "refused"; readonly isRecipient: boolean }
  | { readonly kind: "too-large" }
  | { readonly kind: "unauthenticated" }
  /** The server doesn't offer the encryption that is asked for, or its certificate isn't its own. */
  | { readonly kind: "insecure" }
  | { readonly kind: "unreachable" }
  | { readonly kind: "denied"; readonly code: string }
  | { readonly kind: "unknown" };

/** One mail on its way. */
export interface SmtpMail {
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** What connections are made with. */
export interface SmtpOptions {
  readonly server: MailServer;
  /** What the client calls itself. */
  readonly name: string;
  readonly find: FindAddresses;
  /** Empty where there is none. */
  readonly password: () => Promise<string>;
  /** Empty where there is none; used instead of the password. */
  readonly accessToken: () => Promise<string>;
  readonly world: Pick<World, "schedule">;
}

const MAX_LINES = 4;
/** Servers close idle connections after minutes; long before that ours is gone. */
const IDLE_MS = 15_000;
const CONNECT_MS = 10_000;
const ANSWER_MS = 40_000;
const CHUNK_BYTES = 64 << 10;

/** The connections to one server. */
export class SmtpLines {
  readonly #options: SmtpOptions;
  readonly #idle: { readonly line: SMTPConnection; readonly forget: () => void }[] = [];
  readonly #waiting: (() => void)[] = [];
  #inUse = 0;

  constructor(options: SmtpOptions) {
    this.#options = options;
  }

  /** Sends one mail. @throws what the secrets' source throws; nothing was sent then */
  async send(mail: SmtpMail, signal: AbortSignal): Promise<SmtpResult> {
    while (this.#inUse >= MAX_LINES) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    this.#inUse++;
    try {
      const kept = this.#takeIdle();
      if (kept !== undefined) {
        const result = await this.#transmit(kept, mail, signal);
        // The server had closed it meanwhile: nothing was sent.
        if (result.kind !== "unreachable") return result;
      }
      const opened = await this.#open(signal);
      return "kind" in opened ? opened : await this.#transmit(opened.line, mail, signal);
    } finally {
      this.#inUse--;
      this.#waiting.shift()?.();
    }
  }

  /** Connects and logs in, and sends nothing. @throws what the secrets' source throws */
  async check(signal: AbortSignal): Promise<SmtpResult> {
    const opened = await this.#open(signal);
    if ("kind" in opened) return opened;
    opened.line.quit();
    return { kind: "ok" };
  }

  #takeIdle(): SMTPConnection | undefined {
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      one.forget();
      const socket = one.line._socket;
      if (!socket || socket.destroyed) continue;
      socket.ref();
      return one.line;
    }
    return undefined;
  }

  #keep(line: SMTPConnection): void {
    if (!line._socket || line._socket.destroyed) return;
    // An idle connection keeps no process alive.
    line._socket.unref();
    const entry = {
      line,
      forget: this.#options.world.schedule(IDLE_MS, () => {
        const at = this.#idle.indexOf(entry);
        if (at >= 0) this.#idle.splice(at, 1);
        line.quit();
      }),
    };
    this.#idle.push(entry);
  }

  async #open(signal: AbortSignal): Promise<{ readonly line: SMTPConnection } | SmtpResult> {
    const { server, find } = this.#options;
    let route: MailRoute;
    try {
      route = await routeTo(server, find);
    } catch (error) {
      const isDenied = error instanceof GreenticError && error.code !== "HTTP_HOST_UNRESOLVED";
      return isDenied ? { kind: "denied", code: error.code } : { kind: "unreachable" };
    }
    let last: SmtpResult = { kind: "unreachable" };
    for (const address of route.addresses) {
      const connected = await this.#connect(address, route, signal);
      if ("line" in connected) return this.#login(connected.line, signal);
      last = connected;
      if (last.kind !== "unreachable" || signal.aborted) break;
    }
    return last;
  }

  async #connect(
    address: string,
    { port, security, servername }: MailRoute,
    signal: AbortSignal,
  ): Promise<{ readonly line: SMTPConnection } | SmtpResult> {
    const { default: Connection } = await import("nodemailer/lib/smtp-connection");
    const options: SMTPConnectionOptions = {
      host: address,
      port,
      name: this.#options.name,
      secure: security === "tls",
      requireTLS: security === "starttls",
      ignoreTLS: security === "plain",
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: ANSWER_MS,
      maxResponseSize: 64 << 10,
      logger: false,
      ...(servername !== undefined && { servername, tls: { servername } }),
    };
    const line = new Connection(options);
    const failure = await new Promise<unknown>((resolve) => {
      // What goes wrong later, between mails, closes the line and nothing else.
      line.on("error", resolve);
      signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
      line.connect((error) => resolve(error));
    });
    if (failure === undefined || failure === null) return { line };
    line.close();
    return connectFailure(failure);
  }

  async #login(line: SMTPConnection, signal: AbortSignal): Promise<{ readonly line: SMTPConnection } | SmtpResult> {
    const auth = await this.#auth();
    if (auth === undefined) return { line };
    const failure = await new Promise<unknown>((resolve) => {
      line.once("error", resolve);
      signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
      line.login(auth, (error) => resolve(error));
    });
    if (failure === undefined || failure === null) return { line };
    line.close();
    const { responseCode } = partsOf(failure);
    if (responseCode >= 500) return { kind: "unauthenticated" };
    return responseCode >= 400 ? { kind: "deferred" } : { kind: "unreachable" };
  }

  async #auth(): Promise<SMTPConnectionAuth | undefined> {
    const { server, password, accessToken } = this.#options;
    if (server.user === undefined) return undefined;
    const token = await accessToken();
    if (token !== "") {
      const { default: XOAuth2 } = await import("nodemailer/lib/xoauth2");
      return { user: server.user, oauth2: new XOAuth2({ user: server.user, accessToken: token }) };
    }
    const pass = await password();
    return { user: server.user, credentials: { user: server.user, pass } };
  }

  async #transmit(line: SMTPConnection, { from, to, bytes }: SmtpMail, signal: AbortSignal): Promise<SmtpResult> {
    let isHandedOver = false;
    const body = Readable.from(
      (function* () {
        for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES)
          yield Buffer.from(bytes.subarray(at, at + CHUNK_BYTES));
        // From here on the line may end the mail, so that the server may take it.
        isHandedOver = true;
      })(),
    );
    const envelope = { from, to: [to], size: bytes.byteLength };
    const failure = await new Promise<unknown>((resolve) => {
      line.once("error", resolve);
      signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
      line.send(envelope, body, (error) => resolve(error));
    });
    if (failure === undefined || failure === null) {
      this.#keep(line);
      return { kind: "ok" };
    }
    const result = sendFailure(failure, isHandedOver);
    // A refusal ends this mail, not the connection.
    if (result.kind === "refused" || result.kind === "deferred") this.#reset(line);
    else line.close();
    return result;
  }

  #reset(line: SMTPConnection): void {
    line.reset((error) => {
      if (error) line.close();
      else this.#keep(line);
    });
  }
}

interface FailureParts {
  readonly code: string;
  readonly command: string;
  /** 0 where the server said nothing. */
  readonly responseCode: number;
}

function partsOf(failure: unknown): FailureParts {
  const { code, command, responseCode } = (failure ?? {}) as Readonly<Record<string, unknown>>;
  return {
    code: typeof code === "string" ? code : "",
    command: typeof command === "string" ? command : "",
    responseCode: typeof responseCode === "number" ? responseCode : 0,
  };
}

function connectFailure(failure: unknown): SmtpResult {
  const { code, responseCode } = partsOf(failure);
  if (code === "ETLS" || /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/.test(originOf(failure)))
    return { kind: "insecure" };
  if (responseCode >= 500) return { kind: "refused", isRecipient: false };
  return responseCode >= 400 ? { kind: "deferred" } : { kind: "unreachable" };
}

function sendFailure(failure: unknown, isHandedOver: boolean): SmtpResult {
  const { code, command, responseCode } = partsOf(failure);
  if (code === "EMESSAGE" && responseCode === 0 && command === "MAIL FROM") return { kind: "too-large" };
  if (responseCode === 552 || responseCode === 523) return { kind: "too-large" };
  if (responseCode === 530 || responseCode === 535) return { kind: "unauthenticated" };
  if (responseCode >= 500) return { kind: "refused", isRecipient: command === "RCPT TO" };
  if (responseCode >= 400) return { kind: "deferred" };
  // The client itself refuses an address before anything was said.
  if (code === "EENVELOPE") return { kind: "refused", isRecipient: true };
  return isHandedOver ? { kind: "unknown" } : { kind: "unreachable" };
}

function originOf(failure: unknown): string {
  const { originalCode, code } = (failure ?? {}) as Readonly<Record<string, unknown>>;
  return typeof originalCode === "string" ? originalCode : typeof code === "string" ? code : "";
}
