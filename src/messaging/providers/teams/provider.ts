import type { SendResult } from "../../../session/index.ts";
import type { JsonObject, World } from "../../../types/index.ts";
import { isJsonObject, parseJson, toGreenticError } from "../../../types/index.ts";
import { BucketPace } from "../../bucket-pace.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { ChannelAddress, Provider, Received } from "../../provider.ts";
import { openSent } from "../../files/outgoing.ts";
import type { OpenHttp, SendHttp } from "../entry.ts";
import { withFiles } from "../entry.ts";
import { AppToken } from "./app-token.ts";
import { fetchTeamsFile, isTeamsFile, pictureActivity, pictureText } from "./files.ts";
import { ConnectorKeys } from "./keys.ts";
import { teamsRates } from "./limits.ts";
import { projectTeams } from "./project.ts";
import { readActivity } from "./receive.ts";
import type { ConnectorResult } from "./send.ts";
import { postActivity } from "./send.ts";
import { GLOBAL_SERVICE_URL, ServiceUrls } from "./service-url.ts";
import { isFor, verifyToken } from "./verify.ts";

/** What a Teams channel needs. */
export interface TeamsOptions {
  readonly address: ChannelAddress;
  readonly world: Pick<World, "nowMs" | "schedule">;
  readonly http: SendHttp;
  /** For files; without it they stay what Teams calls them. */
  readonly openHttp?: OpenHttp;
  /** The app's id in the directory. */
  readonly appId: string;
  /** Asked for at each call so that it can be rotated. */
  readonly appPassword: () => Promise<string>;
  /** The directory that the app belongs to and alone is talked to from; without it, any that installs the app. */
  readonly directory?: string;
  /** Where conversations are written to that were never heard of. */
  readonly serviceUrl?: string;
  /** Hosts of service URLs beside Teams' own. */
  readonly serviceHosts?: readonly string[];
}

// Whatever Teams redelivers comes within minutes; its tokens don't name the activity, so that an old one could come under a new token.
const DEDUPE_TTL_MS = 48 * 3_600_000;
const UNAVAILABLE_DELAY_MS = 2_000;
const NO_TOKEN_DELAY_MS = 30_000;
/** How soon it is looked again whether the app's token came. */
const TOKEN_LOOK_MS = 50;

/** The Teams channel of one app: the Bot Connector's activities in, its conversations API out. */
export function createTeamsProvider(options: TeamsOptions): Provider {
  const { address, world, http, appId } = options;
  const keys = new ConnectorKeys(http, world);
  const urls = new ServiceUrls(options.serviceHosts);
  const pace = new BucketPace(teamsRates);
  const directory = options.directory ?? "botframework.com";
  const token = new AppToken({ http, world, appId, secret: options.appPassword, directory });
  return {
    type: "teams",
    address,
    delivery: { kind: "send", sinkClass: "C" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    receive: async (request): Promise<Received> => {
      if (request.method !== "POST") return { kind: "refused", reason: "method" };
      const claims = await verifyToken(request, { keys, appId, nowMs: world.nowMs() });
      if (claims === undefined) return { kind: "refused", reason: "token" };
      const activity = parseJson(request.body, { maxBytes: request.body.byteLength });
      if (!isJsonObject(activity) || !isFor(claims, activity)) return { kind: "refused", reason: "not its token" };
      const conversation = objectIn(activity.conversation);
      const spokenIn = textIn(objectIn(objectIn(activity.channelData)?.tenant)?.id) ?? textIn(conversation?.tenantId);
      if (options.directory !== undefined && spokenIn?.toLowerCase() !== options.directory.toLowerCase())
        return { kind: "refused", reason: "directory" };
      if (!urls.bind(textIn(conversation?.id) ?? "", claims.serviceUrl))
        return { kind: "refused", reason: "service url" };
      return readActivity(activity, { address, appId });
    },
    ...withFiles(options.openHttp, (openHttp) => ({
      isFile: isTeamsFile,
      fetchFile: (request) => fetchTeamsFile(request, { token, urls, openHttp }),
    })),
    project: projectTeams,
    showTyping: async ({ conversation, correlation, signal }) => {
      const serviceUrl = textIn(correlation) ?? urls.of(conversation) ?? options.serviceUrl ?? GLOBAL_SERVICE_URL;
      // The platform counts it among a thread's messages: only a thread whose whole allowance is there has room for it.
      if (!urls.isAllowed(serviceUrl) || !pace.isIdle(conversation, world.nowMs())) return;
      const result = await postActivity(conversation, { type: "typing" }, { http, token, serviceUrl, signal });
      const nowMs = world.nowMs();
      if (result.kind === "limited") pace.pause(`thread:${conversation}`, nowMs + result.retryAfterMs, nowMs);
    },
    readyAtMs: (conversation) => {
      const nowMs = world.nowMs();
      return Math.max(pace.readyAtMs(conversation, nowMs), token.isComing() ? nowMs + TOKEN_LOOK_MS : nowMs);
    },
    sendRates: teamsRates,
    send: async (payload, { conversation, signal, openFile }) => {
      const opened = await openSent(payload, { openFile, nowMs: world.nowMs() });
      if (opened.kind === "failed" || opened.kind === "retry") return opened;
      const activity = opened.kind === "file" ? {} : isJsonObject(payload) ? objectIn(payload.activity) : undefined;
      if (activity === undefined) return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
      const heardFrom = isJsonObject(payload) ? textIn(payload.serviceUrl) : undefined;
      const serviceUrl = heardFrom ?? urls.of(conversation) ?? options.serviceUrl ?? GLOBAL_SERVICE_URL;
      // Whatever a row says, the token goes to the platform's hosts alone.
      if (!urls.isAllowed(serviceUrl)) return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
      try {
        // The token first: those who waited for it together would all leave at once, each with its turn taken long before.
        await token.get();
        const readyAtMs = await pace.awaitTurn(conversation, { world, signal });
        if (readyAtMs !== undefined) return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
        const post = (said: JsonObject): Promise<ConnectorResult> =>
          postActivity(conversation, said, { http, token, serviceUrl, signal });
        const first = await post(opened.kind === "file" ? await pictureActivity(opened.upload) : activity);
        // A picture that the connector finds too large wasn't sent; its name is.
        const isRefused = opened.kind === "file" && first.kind === "refused";
        const result = isRefused ? await post(pictureText(opened.upload)) : first;
        const nowMs = world.nowMs();
        if (result.kind === "limited") pace.pause(`thread:${conversation}`, nowMs + result.retryAfterMs, nowMs);
        return sendResultOf(result, nowMs);
      } catch (error) {
        // The secret can't be had: nothing was sent, and an operator can mend it.
        const { code } = toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read Teams app password");
        return { kind: "retry", error: code, notBeforeMs: world.nowMs() + NO_TOKEN_DELAY_MS };
      }
    },
  };
}

function sendResultOf(result: ConnectorResult, nowMs: number): SendResult {
  switch (result.kind) {
    case "ok":
      return result.id === undefined ? { kind: "sent" } : { kind: "sent", receipt: result.id };
    case "limited":
      return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: nowMs + result.retryAfterMs };
    case "busy":
      // What the platform asks to be tried again; the sender spreads and spaces the attempts.
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs };
    case "server-error":
    case "unreachable":
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + UNAVAILABLE_DELAY_MS };
    case "no-token":
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED", notBeforeMs: nowMs + NO_TOKEN_DELAY_MS };
    case "unauthenticated":
      return { kind: "failed", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
    case "refused":
      return { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" };
    case "denied":
      return { kind: "failed", error: result.code };
    case "unknown":
      break;
  }
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}
