import { ComponentErr } from "../../linker/index.ts";
import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";
import type { HostAnswer, HostRequest } from "../host-request.ts";

interface WitRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | undefined;
}

interface WitOptions {
  readonly timeoutMs: number | undefined;
  readonly followRedirects: boolean | undefined;
}

/**
 * The functions of `greentic:http/http-client`, where 1.1.0 has options between request and context, and of the older
 * `greentic:host/http-v1`. `allow-insecure` is a wish that isn't granted: certificates are always checked.
 */
export const httpBindings: Bindings = {
  "greentic:host/http-v1@1.0.0#request": asking(
    ([method, url, headers, body]) =>
      requestOf({
        method: method as string,
        url: url as string,
        headers: pairsOf(headers as readonly string[]),
        body: body as Uint8Array | undefined,
      }),
    (answer) => {
      if (answer.kind === "ok") return (answer.value as { readonly body: Uint8Array }).body;
      throw new ComponentErr(`${answer.code}: ${answer.message}`);
    },
  ),
  "greentic:http/http-client@1.0.0#send": asking(([request]) => requestOf(request as WitRequest), responseOf),
  "greentic:http/http-client@1.1.0#send": asking(
    ([request, options]) => requestOf(request as WitRequest, options as WitOptions | undefined),
    responseOf,
  ),
};

function requestOf(request: WitRequest, options?: WitOptions): HostRequest {
  const { method, url, headers, body } = request;
  return {
    kind: "http",
    method,
    url,
    headers,
    body,
    timeoutMs: options?.timeoutMs,
    followRedirects: options?.followRedirects ?? true,
  };
}

/** Names and values in turn; a last name without a value is dropped. */
function pairsOf(items: readonly string[]): readonly (readonly [string, string])[] {
  return Array.from({ length: items.length >> 1 }, (_, index) => [items[2 * index] ?? "", items[2 * index + 1] ?? ""]);
}

function responseOf(answer: HostAnswer): unknown {
  if (answer.kind === "ok") return answer.value;
  throw new ComponentErr({ code: answer.code, message: answer.message });
}
