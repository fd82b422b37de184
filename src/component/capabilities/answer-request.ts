import { answerAsset } from "./assets/answer.ts";
import type { CallScope } from "./call-scope.ts";
import { fault, faultOf } from "./host-fault.ts";
import type { HostAnswer, HostRequest } from "./host-request.ts";
import { answerHttp } from "./http/answer.ts";
import { answerOAuth } from "./oauth/answer.ts";
import { answerConfig } from "./runtime-config/answer.ts";
import { answerSecret } from "./secrets/answer.ts";
import { answerState } from "./state/answer.ts";
import { answerTool } from "./tools/answer.ts";

/** Answers a guest's request within what its call was granted; never throws. */
export async function answerRequest(request: HostRequest, scope: CallScope): Promise<HostAnswer> {
  try {
    return await answerGranted(request, scope);
  } catch (error) {
    return faultOf(error);
  }
}

function answerGranted(request: HostRequest, scope: CallScope): Promise<HostAnswer> {
  switch (request.kind) {
    case "http":
      return answerHttp(request, scope);
    case "secret":
    case "secret-write":
      return answerSecret(request, scope);
    case "state-read":
    case "state-write":
    case "state-delete":
      return answerState(request, scope);
    case "tool":
      return answerTool(request, scope);
    case "oauth-consent":
    case "oauth-exchange":
    case "oauth-token":
      return answerOAuth(request, scope);
    case "config":
      return answerConfig(request, scope);
    case "asset":
    case "asset-list":
      return answerAsset(request, scope);
    default:
      // A process that has been taken over can send anything.
      return Promise.resolve(fault("invalid", "no such request"));
  }
}
