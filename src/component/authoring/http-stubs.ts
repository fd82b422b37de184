// A file of HTTP stubs: a list, or { "stubs": [...] }, of
//   { "method": "GET", "url": "https://host/path", "status": 200, "headers": { "name": "value" }, "body": text or JSON }
// A stub without a query answers every query; the first that fits answers.
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../types/index.ts";
import type { HostHttpRequest, HostHttpResponse } from "../host.ts";

/** An answer that stands in for a server's. */
export interface HttpStub {
  readonly method: string;
  readonly url: URL;
  readonly response: HostHttpResponse;
}

/** Reads a file of HTTP stubs. @throws COMPONENT_STUB_INVALID */
export function parseHttpStubs(text: string): readonly HttpStub[] {
  const document = parseJson(text);
  const list = isJsonObject(document) ? document["stubs"] : document;
  if (!Array.isArray(list)) throw invalid("a list of stubs");
  return (list as readonly JsonValue[]).map((item, index) => {
    if (!isJsonObject(item)) throw invalid(`an object as stub ${index + 1}`);
    return stubOf(item, index + 1);
  });
}

/** Answers a request from stubs. @throws HTTP_UNAVAILABLE where none fits */
export function answerFromStubs(stubs: readonly HttpStub[], request: HostHttpRequest): HostHttpResponse {
  const url = URL.parse(request.url);
  const stub = stubs.find(
    (stub) =>
      url !== null &&
      stub.method === request.method.toUpperCase() &&
      stub.url.origin === url.origin &&
      stub.url.pathname === url.pathname &&
      (stub.url.search === "" || stub.url.search === url.search),
  );
  if (stub === undefined) throw new GreenticError("HTTP_UNAVAILABLE", "Answer from stubs: none fits the request");
  return stub.response;
}

function stubOf(item: JsonObject, number: number): HttpStub {
  const { method = "GET", url: address, status = 200, headers = {}, body = "" } = item;
  const url = typeof address === "string" ? URL.parse(address) : null;
  if (url === null) throw invalid(`a URL in stub ${number}`);
  if (typeof method !== "string") throw invalid(`a method in stub ${number}`);
  if (typeof status !== "number" || !Number.isInteger(status) || status < 100 || status > 599) {
    throw invalid(`a status in stub ${number}`);
  }
  if (!isJsonObject(headers)) throw invalid(`a table of headers in stub ${number}`);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response: HostHttpResponse = {
    status,
    headers: Object.entries(headers).map(
      ([name, value]) => [name.toLowerCase(), typeof value === "string" ? value : JSON.stringify(value)] as const,
    ),
    body: Buffer.from(text),
  };
  return { method: method.toUpperCase(), url, response };
}

function invalid(expected: string): GreenticError {
  return new GreenticError("COMPONENT_STUB_INVALID", `Read HTTP stubs: expected ${expected}`);
}
