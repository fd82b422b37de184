/**
 * SMTP, as this channel sends: a few connections that stay open for a while, one mail and one recipient at a time. What is told apart is
 * whether the server can have taken a mail whose answer never came: only then, and not before the last byte was handed over, is it in doubt.
 * @see https://www.rfc-editor.org/rfc/rfc5321
 */
import type { World } from "../../../types/index.ts";
import { GreenticError } from "../../../types/index.ts";
import type { FindAddresses, MailRoute } from "./reach.ts";
import { routeTo } from "./reach.ts";
import type { MailServer } from "./settings.ts";
import type { OpenSmtpLine, SmtpLine, SmtpLogin, SmtpMail } from "./smtp-line.ts";
import { openSmtpLine } from "./smtp-line.ts";

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
  /** How connections are made. Default for real. */
  readonly openLine?: OpenSmtpLine;
}

const MAX_LINES = 4;
/** Servers close idle connections after minutes; long before that ours is gone. */
const IDLE_MS = 15_000;

/** The connections to one server. */
export class SmtpLines {
  readonly #options: SmtpOptions;
  readonly #idle: { readonly line: SmtpLine; readonly forget: () => void }[] = [];
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

  #takeIdle(): SmtpLine | undefined {
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      one.forget();
      if (!one.line.isOpen()) continue;
      one.line.rest(false);
      return one.line;
    }
    return undefined;
  }

  #keep(line: SmtpLine): void {
    if (!line.isOpen()) return;
    // An idle connection keeps no process alive.
    line.rest(true);
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

  async #open(signal: AbortSignal): Promise<{ readonly line: SmtpLine } | SmtpResult> {
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
  ): Promise<{ readonly line: SmtpLine } | SmtpResult> {
    const { openLine = openSmtpLine, name } = this.#options;
    try {
      return { line: await openLine({ address, port, security, servername, name }, signal) };
    } catch (error) {
      return connectFailure(error);
    }
  }

  async #login(line: SmtpLine, signal: AbortSignal): Promise<{ readonly line: SmtpLine } | SmtpResult> {
    const login = await this.#credentials();
    if (login === undefined) return { line };
    try {
      await line.login(login, signal);
      return { line };
    } catch (error) {
      line.close();
      const { responseCode } = partsOf(error);
      if (responseCode >= 500) return { kind: "unauthenticated" };
      return responseCode >= 400 ? { kind: "deferred" } : { kind: "unreachable" };
    }
  }

  async #credentials(): Promise<SmtpLogin | undefined> {
    const { server, password, accessToken: token } = this.#options;
    const { user } = server;
    if (user === undefined) return undefined;
    const accessToken = await token();
    return accessToken === "" ? { user, password: await password() } : { user, accessToken };
  }

  async #transmit(line: SmtpLine, mail: SmtpMail, signal: AbortSignal): Promise<SmtpResult> {
    let isHandedOver = false;
    try {
      await line.send(mail, { signal, onHandedOver: () => void (isHandedOver = true) });
    } catch (error) {
      const result = sendFailure(error, isHandedOver);
      // A refusal ends this mail, not the connection.
      if (result.kind === "refused" || result.kind === "deferred") void this.#reset(line);
      else line.close();
      return result;
    }
    this.#keep(line);
    return { kind: "ok" };
  }

  async #reset(line: SmtpLine): Promise<void> {
    try {
      await line.reset();
      this.#keep(line);
    } catch {
      line.close();
    }
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
