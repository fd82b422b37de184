/** A server of OpenAI's chat completions as far as hosts ask for it: streams and whole answers, tools, schemas, and what goes wrong. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A request's body, checked as the real server checks it. */
export interface ChatBody {
  readonly model: string;
  readonly messages: readonly {
    readonly role: string;
    readonly content?: string | null;
    readonly tool_call_id?: string;
    readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string } }[];
  }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly temperature?: number;
  readonly tools?: readonly { readonly function: { readonly name: string; readonly parameters: object } }[];
  readonly response_format?: { readonly type: string; readonly json_schema?: { readonly schema: object } };
}

/** What the model says to one request. */
export type Said =
  | { readonly text: string; readonly finish?: string }
  | { readonly tools: readonly { readonly name: string; readonly arguments: string }[] }
  | { readonly refusal: string }
  /** A failure in the server's own shape. */
  | { readonly status: number; readonly code?: string; readonly headers?: Readonly<Record<string, string>> }
  /** Half an answer; then the connection is gone. */
  | { readonly cut: string }
  /** These bytes as the stream. */
  | { readonly raw: string }
  /** Nothing, ever. */
  | { readonly silent: true };

/** A running stand-in. */
export interface ChatStandIn extends AsyncDisposable {
  /** The API's base. */
  readonly url: string;
  /** Bodies in order, refused ones too. */
  readonly requests: readonly ChatBody[];
  /** Connections that the client left in the middle of an answer. */
  readonly left: () => number;
}

/** Starts a server that answers as `say` does; with `key` only to those who bring it. */
export async function startChatStandIn(
  say: (body: ChatBody, count: number) => Said,
  options: { readonly key?: string; readonly port?: number } = {},
): Promise<ChatStandIn> {
  const requests: ChatBody[] = [];
  let left = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on("close", () => {
      if (!response.writableEnded) left++;
    });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method !== "POST" || request.url !== "/v1/chat/completions")
      return fail(response, { status: 404, code: "unknown_url" });
    if (options.key !== undefined && request.headers.authorization !== `Bearer ${options.key}`)
      return fail(response, { status: 401, code: "invalid_api_key" });
    const body = JSON.parse(Buffer.concat(chunks).toString()) as ChatBody;
    requests.push(body);
    const problem = problemOf(body);
    if (problem !== undefined) return fail(response, { status: 400, code: problem });
    const said = say(body, requests.length);
    if ("status" in said) return fail(response, said);
    if ("silent" in said) return;
    if (body.stream === true || "raw" in said || "cut" in said) stream(response, body, said);
    else whole(response, body, said);
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    left: () => left,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** What the real server refuses with 400: unknown shapes, tools that aren't answered, answers to nothing. */
function problemOf(body: ChatBody): string | undefined {
  if (typeof body.model !== "string" || !Array.isArray(body.messages) || body.messages.length === 0)
    return "invalid_type";
  if (body.stream !== true && body.stream_options !== undefined) return "invalid_stream_options";
  const names = (body.tools ?? []).map((tool) => tool.function.name);
  if (names.some((name) => !/^[a-zA-Z0-9_-]{1,64}$/.test(name)) || new Set(names).size !== names.length)
    return "invalid_function_name";
  const format = body.response_format;
  if (format?.type === "json_schema" && format.json_schema?.schema === undefined) return "missing_required_parameter";
  let open: string[] = [];
  for (const { role, content, tool_calls: calls = [], tool_call_id: id } of body.messages) {
    if (role === "tool") {
      if (id === undefined || !open.includes(id)) return "tool_without_call";
      open = open.filter((one) => one !== id);
      continue;
    }
    if (open.length > 0) return "call_without_answer";
    if (role === "assistant") open = calls.map((call: { readonly id: string }) => call.id);
    if (typeof content !== "string" && calls.length === 0) return "invalid_content";
  }
  return open.length > 0 ? "call_without_answer" : undefined;
}

/** Words are tokens here, so that tests can count. */
function wordsOf(body: ChatBody): number {
  return body.messages.reduce((sum, { content }) => sum + (content ?? "").split(/\s+/).filter(Boolean).length, 0);
}

function usageOf(body: ChatBody, text: string): object {
  const [prompt, completion] = [wordsOf(body), text.split(/\s+/).filter(Boolean).length];
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

function head(body: ChatBody, object: string): object {
  return { id: "chatcmpl-1", object, created: 1_790_000_000, model: `${body.model}-2026`, system_fingerprint: "fp_1" };
}

function textOf(said: Said): string {
  return "text" in said ? said.text : "cut" in said ? said.cut : "tools" in said ? JSON.stringify(said.tools) : "";
}

function finishOf(said: Said): string {
  return "tools" in said ? "tool_calls" : "text" in said ? (said.finish ?? "stop") : "stop";
}

function whole(response: ServerResponse, body: ChatBody, said: Said): void {
  const message = {
    role: "assistant",
    content: "text" in said ? said.text : null,
    refusal: "refusal" in said ? said.refusal : null,
    ...("tools" in said && {
      tool_calls: said.tools.map((call, index) => ({ id: `call_${index}`, type: "function", function: call })),
    }),
  };
  const answer = {
    ...head(body, "chat.completion"),
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(said) }],
    usage: usageOf(body, textOf(said)),
  };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

function stream(response: ServerResponse, body: ChatBody, said: Said): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  if ("raw" in said) return void response.end(said.raw);
  const send = (delta: object, finish: string | null = null): void => {
    const chunk = {
      ...head(body, "chat.completion.chunk"),
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  send({ role: "assistant", content: "" });
  if ("tools" in said) {
    for (const [index, { name, arguments: text }] of said.tools.entries()) {
      send({ tool_calls: [{ index, id: `call_${index}`, type: "function", function: { name, arguments: "" } }] });
      for (const part of text.match(/[^]{1,7}/g) ?? [])
        send({ tool_calls: [{ index, function: { arguments: part } }] });
    }
  } else if ("refusal" in said) send({ refusal: said.refusal });
  else for (const part of textOf(said).match(/[^]{1,7}/gu) ?? []) send({ content: part });
  // The peer sees what was written, and then that nothing ends it.
  if ("cut" in said) return void response.write(": \n\n", () => response.destroy());
  send({}, finishOf(said));
  if (body.stream_options?.include_usage === true) {
    const last = { ...head(body, "chat.completion.chunk"), choices: [], usage: usageOf(body, textOf(said)) };
    response.write(`data: ${JSON.stringify(last)}\n\n`);
  }
  response.end("data: [DONE]\n\n");
}

function fail(
  response: ServerResponse,
  {
    status,
    code,
    headers = {},
  }: { readonly status: number; readonly code?: string; readonly headers?: Readonly<Record<string, string>> },
): void {
  const error = { message: "The stand-in refuses", type: "invalid_request_error", param: null, code: code ?? null };
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify({ error }));
}
