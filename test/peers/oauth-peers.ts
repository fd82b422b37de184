/** npm `oidc-provider` and `oauth2-mock-server`, as tests drive them. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { BASE } from "../../src/oauth/broker-fixture.ts";
import { loadPeer } from "./load-peer.ts";

/** As much of `oidc-provider` as is used here. */
interface OidcProvider {
  readonly callback: () => RequestListener;
  readonly on: (event: string, listener: () => void) => void;
}

/** As much of `oauth2-mock-server` as is used here. */
interface MockServer {
  readonly issuer: {
    readonly url: string | undefined;
    readonly keys: { readonly generate: (alg: string) => Promise<unknown> };
  };
  readonly service: {
    readonly once: (event: string, change: (response: { body: unknown; statusCode: number }) => void) => void;
    readonly on: (event: string, change: (token: { readonly payload: Record<string, unknown> }) => void) => void;
  };
  readonly start: (port: number, host: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface Peer extends AsyncDisposable {
  readonly issuer: string;
  /** How often each grant was asked for. */
  readonly grants: string[];
}

/** Starts `oidc-provider` with a web client of a broker at `base`, a public one of command lines, and rotation of refresh tokens. */
export async function startOidcProvider(base = BASE): Promise<Peer> {
  const { Provider } = loadPeer("oidc-provider") as {
    readonly Provider: new (issuer: string, options: object) => OidcProvider;
  };
  const grants: string[] = [];
  let listener: RequestListener = () => undefined;
  const server = createServer((request, response) => listener(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "peer-client",
        client_secret: "peer-secret",
        redirect_uris: [`${base}/oauth/callback/peer`],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      },
      {
        client_id: "peer-cli",
        application_type: "native",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        response_types: ["code"],
      },
    ],
    cookies: { keys: ["a key of a test"] },
    scopes: ["openid", "files"],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    features: { revocation: { enabled: true }, deviceFlow: { enabled: true } },
  });
  provider.on("grant.success", () => void grants.push("success"));
  provider.on("grant.error", () => void grants.push("error"));
  listener = provider.callback();
  return {
    issuer,
    grants,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Logs in and consents on the provider's own pages, as a person does. @returns where the browser is sent back to */
export async function consentByForms(page: URL, isBack = (url: URL) => url.href.startsWith(BASE)): Promise<URL> {
  const browser = new FormBrowser(isBack);
  return (await browser.go(page)).url;
}

/** A browser without a screen: it keeps cookies, follows redirects, and fills in the provider's forms. */
export class FormBrowser {
  readonly #jar = new Map<string, string>();
  readonly #isBack: (url: URL) => boolean;

  /** `isBack` tells addresses that are ours: there it stops, without asking them. */
  constructor(isBack: (url: URL) => boolean) {
    this.#isBack = isBack;
  }

  /** Goes on until it is back, or at a page that asks for nothing more. */
  async go(start: URL): Promise<{ readonly url: URL; readonly text: string }> {
    let next = start;
    let form: URLSearchParams | undefined;
    for (let stops = 0; stops < 20; stops++) {
      const answer = await fetch(next, {
        redirect: "manual",
        headers: { cookie: [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ") },
        ...(form && { method: "POST", body: form }),
      });
      this.#keep(answer.headers.getSetCookie());
      const location = answer.headers.get("location");
      const text = await answer.text();
      if (location !== null) {
        form = undefined;
        next = new URL(location, next);
        if (this.#isBack(next)) return { url: next, text };
        continue;
      }
      const action = /action="([^"]+)"/.exec(text)?.[1];
      if (action === undefined) return { url: next, text };
      const hidden = text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g);
      form = new URLSearchParams({ login: "ana", password: "any" });
      for (const [, name = "", value = ""] of hidden) form.set(name, value);
      next = new URL(action, next);
    }
    throw new Error("the provider never sent the browser back");
  }

  #keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === "") this.#jar.delete(name);
      else this.#jar.set(name, value);
    }
  }
}

/** Starts `oauth2-mock-server`, which consents at once. */
export async function startMockServer(): Promise<MockServer & AsyncDisposable> {
  const { OAuth2Server } = loadPeer("oauth2-mock-server") as { readonly OAuth2Server: new () => MockServer };
  const server = new OAuth2Server();
  await server.issuer.keys.generate("RS256");
  await server.start(0, "127.0.0.1");
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop() });
}
