import type { GatewayFixture } from "./gateway-fixture.ts";

const BASE = "/v1/messaging/webchat";

/** A conversation as the server hands it out. */
export interface Conversation {
  readonly conversationId: string;
  readonly token: string;
  readonly expires_in: number;
  readonly streamUrl: string;
}
/** Activities as the server gives them. */
export interface ActivitySet {
  readonly activities: readonly { id: string; type: string; text?: string; from: { id: string; role?: string } }[];
  readonly watermark: string;
}

/** Speaks Direct Line to a gateway's app, without a server. */
export function clientOf({ gateway }: Pick<GatewayFixture, "gateway">, tenant = "demo") {
  const call = async (method: string, path: string, options: Call = {}): Promise<Response> => {
    const { token, body, headers } = options;
    return gateway.app.request(`${BASE}/${tenant}/v3/directline/${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  };
  const generate = async (options: Call = {}): Promise<Conversation> =>
    (await (await call("POST", "tokens/generate", options)).json()) as Conversation;
  const start = async (options: Call = {}): Promise<Conversation> => {
    const token = options.token ?? (await generate(options)).token;
    return (await (await call("POST", "conversations", { ...options, token })).json()) as Conversation;
  };
  const say = (at: Conversation, body: unknown, options: Call = {}): Promise<Response> =>
    call("POST", `conversations/${at.conversationId}/activities`, { token: at.token, body, ...options });
  const read = async (at: Conversation, watermark?: string): Promise<ActivitySet> => {
    const query = watermark === undefined ? "" : `?watermark=${watermark}`;
    const answer = await call("GET", `conversations/${at.conversationId}/activities${query}`, { token: at.token });
    return (await answer.json()) as ActivitySet;
  };
  return { call, generate, start, say, read };
}
/** What goes with a request. */
export interface Call {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** The status and code of a refusal. */
export async function errorIn(answer: Response): Promise<unknown> {
  return [answer.status, ((await answer.json()) as { error: { code: string } }).error.code];
}

/** What a token says, unchecked. */
export function claimsIn(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}
