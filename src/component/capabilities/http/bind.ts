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

/** The functions of `greentic:http/http-client`; 1.1.0 has options between request and context. */
export const httpBindings: Bindings = {
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

function responseOf(answer: HostAnswer): unknown {
  if (answer.kind === "ok") return answer.value;
  throw new ComponentErr({ code: answer.code, message: answer.message });
}
