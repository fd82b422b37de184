import type { World } from "../../../types/index.ts";
import type { ChannelAddress, Provider, Received, WebhookRequest } from "../../provider.ts";
import type { OpenHttp, SendHttp } from "../entry.ts";
import { withFiles } from "../entry.ts";
import { fetchSlackFile, isSlackFile } from "./files.ts";
import { SlackPace, slackRates } from "./limits.ts";
import { projectSlack } from "./project.ts";
import { readSlack } from "./receive.ts";
import type { SlackSending } from "./send.ts";
import { readSlackBack, sendSlack, targetOf } from "./send.ts";
import { verifySlack } from "./verify.ts";

/** What a Slack channel needs. */
export interface SlackOptions {
  readonly address: ChannelAddress;
  /** The bot's token, asked for at each call so that it can be rotated. */
  readonly token: () => Promise<string>;
  /** The app's signing secrets; two while one is rotated. Without one every request is refused. */
  readonly signingSecrets: () => Promise<readonly string[]>;
  readonly http: SendHttp;
  /** For files; without it they stay ids. */
  readonly openHttp?: OpenHttp;
  readonly world: Pick<World, "nowMs" | "schedule">;
  /** The workspace's id; requests for others are refused. */
  readonly workspace?: string;
  /** Whether all that is said in channels is taken in. Default only what mentions the worker. */
  readonly hearsAll?: boolean;
}

// Slack redelivers for some minutes, and hourly for a day where an app asks for delayed events: twice that.
const DEDUPE_TTL_MS = 48 * 3_600_000;

/** The Slack channel of one app in one workspace: events, presses and commands in, `chat.postMessage` out. */
export function createSlackProvider(options: SlackOptions): Provider {
  const { address, world, http, token, workspace, hearsAll = false } = options;
  const pace = new SlackPace();
  const sending: SlackSending = { api: { http, token }, pace, world };
  return {
    type: "slack",
    address,
    delivery: { kind: "send", sinkClass: "B" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    receive: async (request: WebhookRequest): Promise<Received> => {
      const refusal = verifySlack(request, await options.signingSecrets(), world.nowMs());
      if (refusal !== undefined) return { kind: "refused", reason: refusal };
      return readSlack(request, { address, workspace, hearsAll });
    },
    ...withFiles(options.openHttp, (openHttp) => ({
      isFile: isSlackFile,
      fetchFile: (request) => fetchSlackFile(request, { api: sending.api, openHttp }),
    })),
    project: projectSlack,
    readyAtMs: (conversation) => pace.readyAtMs(targetOf(conversation).channel, world.nowMs()),
    sendRates: (conversation) => slackRates(targetOf(conversation).channel),
    send: (payload, send) => sendSlack(payload, send, sending),
    readBack: (send) => readSlackBack(send, sending),
  };
}
