import type { HostFunction, ImportRef, IoError } from "../../linker/index.ts";
import { answer, Pollable, Trap, wasiName } from "../../linker/index.ts";
import type { GuestCall } from "../guest-call.ts";
import { immediate } from "../guest-call.ts";
import { Fields } from "./fields.ts";
import { FutureTrailers, IncomingResponse } from "./incoming.ts";
import type { IncomingBody } from "./incoming.ts";
import { FutureAnswer, OutgoingRequest, OutgoingResponse, RequestOptions } from "./outgoing.ts";
import type { OutgoingBody } from "./outgoing.ts";
import type { WasiHttpError } from "./wasi-error.ts";
import { wasiHttpError } from "./wasi-error.ts";

type Functions = Readonly<Record<string, HostFunction>>;
type Answered =
  | { readonly tag: "ok"; readonly val: IncomingResponse }
  | { readonly tag: "err"; readonly val: WasiHttpError };

interface HttpValue {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Sends a request when its body is finished, within the call's grants as any other request. */
const handle = immediate((guest, [request, options]) => {
  guest.note("wasi:http/outgoing-handler#handle");
  const outgoing = request as OutgoingRequest;
  const { url } = outgoing;
  return new FutureAnswer(
    send(guest, outgoing, { url, timeoutMs: (options as RequestOptions | undefined)?.timeoutMs }),
  );
});

async function send(
  guest: GuestCall,
  request: OutgoingRequest,
  { url, timeoutMs }: { readonly url: string; readonly timeoutMs: number | undefined },
): Promise<Answered> {
  const body = await request.bytes();
  if (body !== undefined && !(body instanceof Uint8Array)) return { tag: "err", val: body };
  const answered = await guest.ask({
    kind: "http",
    method: request.methodName,
    url,
    headers: request.headers.entries.map(([name, value]) => [name, Buffer.from(value).toString("latin1")]),
    body: body === undefined || body.length === 0 ? undefined : body,
    timeoutMs,
    followRedirects: false,
  });
  if (answered.kind === "fault") return { tag: "err", val: wasiHttpError(answered) };
  const response = answered.value as HttpValue;
  if (!guest.wasi.takeBuffer(response.body.byteLength))
    return { tag: "err", val: { tag: "HTTP-response-body-size", val: BigInt(response.body.byteLength) } };
  return { tag: "ok", val: new IncomingResponse(response) };
}

/** Nothing calls a component with a request here, so it has no handle to ask with. */
const absent = answer(() => {
  throw new Trap("host", "Run guest: it has no request to answer");
});

const fields: Functions = {
  "[constructor]fields": answer(() => new Fields()),
  "[static]fields.from-list": answer((_wasi, entries: readonly (readonly [string, Uint8Array])[]) =>
    Fields.fromList(entries),
  ),
  "[method]fields.get": answer((_wasi, self: Fields, name: string) => self.get(name)),
  "[method]fields.has": answer((_wasi, self: Fields, name: string) => self.get(name).length > 0),
  "[method]fields.set": answer((_wasi, self: Fields, name: string, values: readonly Uint8Array[]) =>
    self.set(name, values),
  ),
  "[method]fields.delete": answer((_wasi, self: Fields, name: string) => self.delete(name)),
  "[method]fields.append": answer((_wasi, self: Fields, name: string, value: Uint8Array) => self.append(name, value)),
  "[method]fields.entries": answer((_wasi, self: Fields) => self.entries),
  "[method]fields.clone": answer((_wasi, self: Fields) => self.clone()),
};

const outgoing: Functions = {
  "[constructor]outgoing-request": answer((_wasi, headers: Fields) => new OutgoingRequest(headers)),
  "[method]outgoing-request.body": answer((_wasi, self: OutgoingRequest) => self.takeBody()),
  "[method]outgoing-request.method": answer((_wasi, self: OutgoingRequest) => self.method),
  "[method]outgoing-request.set-method": answer((_wasi, self: OutgoingRequest, method: OutgoingRequest["method"]) =>
    self.setMethod(method),
  ),
  "[method]outgoing-request.path-with-query": answer((_wasi, self: OutgoingRequest) => self.pathWithQuery),
  "[method]outgoing-request.set-path-with-query": answer((_wasi, self: OutgoingRequest, path: string | undefined) =>
    self.setPathWithQuery(path),
  ),
  "[method]outgoing-request.scheme": answer((_wasi, self: OutgoingRequest) => self.scheme),
  "[method]outgoing-request.set-scheme": answer((_wasi, self: OutgoingRequest, scheme: OutgoingRequest["scheme"]) =>
    self.setScheme(scheme),
  ),
  "[method]outgoing-request.authority": answer((_wasi, self: OutgoingRequest) => self.authority),
  "[method]outgoing-request.set-authority": answer((_wasi, self: OutgoingRequest, authority: string | undefined) =>
    self.setAuthority(authority),
  ),
  "[method]outgoing-request.headers": answer((_wasi, self: OutgoingRequest) => self.headers),
  "[method]outgoing-body.write": answer((_wasi, self: OutgoingBody) => self.stream()),
  "[static]outgoing-body.finish": answer((_wasi, self: OutgoingBody, trailers: Fields | undefined) =>
    self.finish(trailers),
  ),
  "[constructor]request-options": answer(() => new RequestOptions()),
  "[constructor]outgoing-response": answer((_wasi, headers: Fields) => new OutgoingResponse(headers)),
  "[method]outgoing-response.status-code": answer((_wasi, self: OutgoingResponse) => self.statusCode),
  "[method]outgoing-response.set-status-code": answer((_wasi, self: OutgoingResponse, status: number) =>
    self.setStatusCode(status),
  ),
  "[method]outgoing-response.headers": answer((_wasi, self: OutgoingResponse) => self.headers),
  "[method]outgoing-response.body": answer((_wasi, self: OutgoingResponse) => self.takeBody()),
};

const options: Functions = Object.fromEntries(
  (
    [
      ["connect-timeout", "connectTimeout"],
      ["first-byte-timeout", "firstByteTimeout"],
      ["between-bytes-timeout", "betweenBytesTimeout"],
    ] as const
  ).flatMap(([name, property]) => [
    [`[method]request-options.${name}`, answer((_wasi, self: RequestOptions) => self[property])],
    [
      `[method]request-options.set-${name}`,
      answer((_wasi, self: RequestOptions, duration: bigint | undefined) => {
        self[property] = duration;
      }),
    ],
  ]),
);

const incoming: Functions = {
  "[method]future-incoming-response.subscribe": answer((_wasi, self: FutureAnswer<Answered>) => Pollable.of(self)),
  "[method]future-incoming-response.get": answer((_wasi, self: FutureAnswer<Answered>) => self.take()),
  "[method]incoming-response.status": answer((_wasi, self: IncomingResponse) => self.status),
  "[method]incoming-response.headers": answer((_wasi, self: IncomingResponse) => self.headers),
  "[method]incoming-response.consume": answer((_wasi, self: IncomingResponse) => self.consume()),
  "[method]incoming-body.stream": answer((_wasi, self: IncomingBody) => self.stream()),
  "[static]incoming-body.finish": answer(() => new FutureTrailers()),
  "[method]future-trailers.subscribe": answer(() => new Pollable()),
  "[method]future-trailers.get": answer((_wasi, self: FutureTrailers) => self.take()),
  "http-error-code": answer((_wasi, error: IoError) => error.code),
  ...Object.fromEntries(
    [
      ...["method", "path-with-query", "scheme", "authority", "headers", "consume"].map(
        (name) => `[method]incoming-request.${name}`,
      ),
      "[method]response-outparam.send-informational",
      "[static]response-outparam.set",
    ].map((name) => [name, absent]),
  ),
};

const INTERFACES: ReadonlyMap<string, Functions> = new Map([
  ["wasi:http/types", { ...fields, ...outgoing, ...options, ...incoming }],
  ["wasi:http/outgoing-handler", { handle }],
]);

/** Gives the functions of wasi:http 0.2, any patch version; incoming-handler isn't served. */
export function bindWasiHttp({ instance, name }: ImportRef): HostFunction | undefined {
  const functions = INTERFACES.get(wasiName(instance) ?? "");
  return functions !== undefined && Object.hasOwn(functions, name) ? functions[name] : undefined;
}
