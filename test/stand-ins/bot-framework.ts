/**
 * Microsoft's side of a Teams app on loopback: OpenID metadata and keys, the token endpoint, and a connector that takes activities
 * with the platform's limits. It signs what it delivers, and anything else that a test wants to forge.
 */
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../src/types/index.ts";

/** Where the platform says that its conversations are. */
export const SERVICE_URL = "https://smba.trafficmanager.net/emea/";

/** An activity that reached a conversation. */
interface PostedToTeams {
  readonly conversation: string;
  readonly body: JsonObject;
}

export interface BotFrameworkStandIn extends AsyncDisposable {
  /** Rewrites of the platform's origins to here. */
  readonly rewrites: readonly { readonly from: URL; readonly to: URL }[];
  readonly posts: PostedToTeams[];
  /** Statuses of the next posts, in order; 200 takes the activity. */
  readonly faults: number[];
  /** How often keys and tokens were asked for. */
  readonly counts: { keys: number; tokens: number };
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly kid: string;
  /** What its key is endorsed for. */
  endorsements: string[];
  /** Tokens that the connector takes. */
  readonly tokens: Set<string>;
  /** Makes a token: claims and header beside the honest ones; undefined takes one out. */
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): string;
  /** Puts another key in the place of the one that signs. */
  rotate(): void;
  until(isDone: () => boolean): Promise<void>;
}

export async function openBotFrameworkStandIn(options: {
  readonly appId: string;
  readonly password: string;
  readonly nowMs?: () => number;
}): Promise<BotFrameworkStandIn> {
  const nowMs = (): number => options.nowMs?.() ?? Date.now();
  const posts: PostedToTeams[] = [];
  const faults: number[] = [];
  const counts = { keys: 0, tokens: 0 };
  const tokens = new Set<string>();
  const waiting = new Set<() => void>();
  let pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  let kid: string = randomUUID();
  const changed = (): void => {
    for (const wake of waiting) wake();
    waiting.clear();
  };

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const url = incoming.url ?? "";
    if (url === "/v1/.well-known/openidconfiguration")
      return answer(outgoing, 200, {
        issuer: "https://api.botframework.com",
        jwks_uri: "https://login.botframework.com/v1/.well-known/keys",
        id_token_signing_alg_values_supported: ["RS256"],
      });
    if (url === "/v1/.well-known/keys") {
      counts.keys++;
      const key = { ...pair.publicKey.export({ format: "jwk" }), kid, use: "sig", endorsements: standIn.endorsements };
      return answer(outgoing, 200, { keys: [key] });
    }
    if (/^\/[^/]+\/oauth2\/v2\.0\/token$/.test(url)) {
      const form = new URLSearchParams(body);
      const isGood = form.get("client_id") === options.appId && form.get("client_secret") === options.password;
      if (!isGood || form.get("scope") !== "https://api.botframework.com/.default")
        return answer(outgoing, 401, {
          error: "invalid_client",
          error_description: "AADSTS7000215: Invalid client secret provided.",
          error_codes: [7_000_215],
        });
      counts.tokens++;
      const token = randomUUID();
      tokens.add(token);
      return answer(outgoing, 200, { token_type: "Bearer", expires_in: 3_600, access_token: token });
    }
    const conversation = /^\/(?:emea|teams)\/v3\/conversations\/([^/]+)\/activities$/.exec(url)?.[1];
    if (conversation === undefined || incoming.method !== "POST") return answer(outgoing, 404, {});
    if (!tokens.has((incoming.headers.authorization ?? "").replace("Bearer ", ""))) return answer(outgoing, 401, {});
    const status = faults.shift() ?? 200;
    if (status !== 200) return answer(outgoing, status, {}, status === 429 ? { "retry-after": "1" } : {});
    if (body.length * 2 > 100 * 1024) return answer(outgoing, 413, { error: { code: "MessageSizeTooBig" } });
    posts.push({ conversation: decodeURIComponent(conversation), body: JSON.parse(body) as JsonObject });
    answer(outgoing, 201, { id: `1:${posts.length}` });
    changed();
  }

  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const to = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const origins = ["https://login.botframework.com", "https://login.microsoftonline.com", new URL(SERVICE_URL).origin];
  const standIn: BotFrameworkStandIn = {
    rewrites: origins.map((origin) => ({ from: new URL(origin), to })),
    posts,
    faults,
    counts,
    tokens,
    endorsements: ["msteams"],
    get privateKey() {
      return pair.privateKey;
    },
    get publicKey() {
      return pair.publicKey;
    },
    get kid() {
      return kid;
    },
    token: (claims = {}, header = {}) => {
      const nowS = Math.floor(nowMs() / 1000);
      const payload = {
        iss: "https://api.botframework.com",
        aud: options.appId,
        nbf: nowS,
        exp: nowS + 3_600,
        serviceurl: SERVICE_URL,
        ...claims,
      };
      const head = encode({ alg: "RS256", typ: "JWT", kid, ...header });
      const signed = `${head}.${encode(payload)}`;
      return `${signed}.${sign("sha256", Buffer.from(signed), pair.privateKey).toString("base64url")}`;
    },
    rotate: () => {
      pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
      kid = randomUUID();
    },
    until: async (isDone) => {
      while (!isDone()) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return standIn;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function answer(outgoing: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  outgoing.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
