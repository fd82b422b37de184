import type { Bindings } from "../guest-call.ts";
import { asking } from "../guest-call.ts";
import type { HostAnswer } from "../host-request.ts";

const BROKER = "greentic:oauth-broker/broker-v1@1.0.0";

/** The functions of `greentic:oauth-broker/broker-v1`; they answer with an empty text where there is nothing to give. */
export const oauthBindings: Bindings = {
  [`${BROKER}#get-consent-url`]: asking(
    ([provider, subject, scopes, redirectPath, extraJson]) => ({
      kind: "oauth-consent",
      provider: provider as string,
      subject: subject as string,
      scopes: scopes as readonly string[],
      redirectPath: redirectPath as string,
      extraJson: extraJson as string,
    }),
    textOf,
  ),
  [`${BROKER}#exchange-code`]: asking(
    ([provider, subject, code, redirectPath]) => ({
      kind: "oauth-exchange",
      provider: provider as string,
      subject: subject as string,
      code: code as string,
      redirectPath: redirectPath as string,
    }),
    textOf,
  ),
  [`${BROKER}#get-token`]: asking(
    ([provider, subject, scopes]) => ({
      kind: "oauth-token",
      provider: provider as string,
      subject: subject as string,
      scopes: scopes as readonly string[],
    }),
    textOf,
  ),
};

function textOf(answer: HostAnswer): string {
  return answer.kind === "ok" && typeof answer.value === "string" ? answer.value : "";
}
