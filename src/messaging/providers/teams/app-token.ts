import { hash } from "node:crypto";
import type { World } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import type { SendHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";

/** Why there is no token. */
export type TokenFailure =
  | { readonly kind: "unavailable" }
  /** With the platform's own number for why, `AADSTS7000215`. */
  | { readonly kind: "refused"; readonly why?: string };

const LOGIN_ORIGIN = "https://login.microsoftonline.com";
const SCOPE = "https://api.botframework.com/.default";
/** A token is replaced this long before it ends. */
const MARGIN_MS = 300_000;

/** What getting tokens needs. */
export interface AppTokenOptions {
  readonly http: SendHttp;
  readonly world: Pick<World, "nowMs">;
  readonly appId: string;
  readonly secret: () => Promise<string>;
  /** The app's directory, or `botframework.com` where it serves several. */
  readonly directory: string;
}

/** The app's token for the connector: fetched by client credentials, kept until shortly before its end, by one request at a time. */
export class AppToken {
  readonly #options: AppTokenOptions;
  #kept: { readonly token: string; readonly untilMs: number; readonly of: string } | undefined;
  #fetching: { readonly of: string; readonly token: Promise<string | TokenFailure> } | undefined;

  #first: "unasked" | "asked" | "over" = "unasked";

  constructor(options: AppTokenOptions) {
    this.#options = options;
  }

  /**
   * Tells whether a token is on its way, and sends for the first one: sends that had their turn meanwhile would all leave with it at
   * once. False where none came: who sends then hears why.
   */
  isComing(): boolean {
    if (this.#first === "unasked") {
      this.#first = "asked";
      const over = (): void => void (this.#first = "over");
      this.get().then(over, over);
    }
    return this.#first === "asked" || this.#fetching !== undefined;
  }

  /** Gives the token, or why there is none. @throws whatever the secret's source throws */
  async get(): Promise<string | TokenFailure> {
    const secret = await this.#options.secret();
    if (secret === "") return { kind: "refused" };
    // A token of a secret that was changed since is not used on.
    const of = hash("sha256", secret);
    if (this.#kept?.of === of && this.#options.world.nowMs() < this.#kept.untilMs) return this.#kept.token;
    if (this.#fetching?.of !== of) {
      const fetching = { of, token: this.#fetch(secret, of) };
      this.#fetching = fetching;
      void fetching.token.finally(() => {
        if (this.#fetching === fetching) this.#fetching = undefined;
      });
    }
    return this.#fetching.token;
  }

  /** Forgets a token that the connector didn't take. */
  forget(token: string): void {
    if (this.#kept?.token === token) this.#kept = undefined;
  }

  async #fetch(secret: string, of: string): Promise<string | TokenFailure> {
    const { http, appId, directory, world } = this.#options;
    const form = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: appId,
      client_secret: secret,
      scope: SCOPE,
    });
    try {
      const { status, body } = await http({
        method: "POST",
        url: `${LOGIN_ORIGIN}/${encodeURIComponent(directory)}/oauth2/v2.0/token`,
        headers: [["content-type", "application/x-www-form-urlencoded"]],
        body: Buffer.from(form.toString()),
        timeoutMs: 15_000,
        origins: [LOGIN_ORIGIN],
        followRedirects: false,
      });
      if (status >= 400 && status < 500 && status !== 429) {
        const why = /AADSTS\d{1,9}/.exec(Buffer.from(body).toString())?.[0];
        return { kind: "refused", ...(why !== undefined && { why }) };
      }
      const answer = status === 200 ? parseJson(body, { maxBytes: 1 << 18 }) : null;
      if (!isJsonObject(answer)) return { kind: "unavailable" };
      const { access_token: token, expires_in: seconds } = answer;
      if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) return { kind: "unavailable" };
      const livesMs = (typeof seconds === "number" ? seconds : 0) * 1000;
      this.#kept = { token, of, untilMs: world.nowMs() + Math.max(0, livesMs - MARGIN_MS) };
      return token;
    } catch (error) {
      // Whatever became of the request, no message was sent.
      return unansweredOf(error).kind === "denied" ? { kind: "refused" } : { kind: "unavailable" };
    }
  }
}
