import { textIn } from "../../json-parts.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "../setup.ts";
import { postWebhook } from "./send.ts";

/** A receiver is told of a channel by its people; set-up can send it one event to see whether it believes the signature. */
export const webhookOutSetup: ProviderSetup = {
  isReached: () => false,
  register: async (parts) => {
    const secret: SetupStep = parts.isKnown
      ? { state: "ok", what: "the receiver was told the secret to believe" }
      : {
          state: "todo",
          what: `give the receiver at ${placeOf(parts)} the secret, which this shows`,
          paste: parts.showSecret("webhook_secret"),
        };
    return [secret, ...(await test(parts))];
  },
  verify: test,
  remove: async () => Promise.resolve([{ state: "ok", what: "nothing was told to the receiver" }]),
};

/** The receiver's address without what may be a token in its query. */
function placeOf({ config }: SetupParts): string {
  const url = URL.parse(textIn(config["url"]) ?? "");
  return url === null ? "its url" : `${url.origin}${url.pathname}`;
}

async function test(parts: SetupParts): Promise<readonly SetupStep[]> {
  const { http, world, config, secrets, isTest, isDryRun } = parts;
  if (!isTest || isDryRun) return [];
  const nowMs = world.nowMs();
  const doing = `Send a test event to ${placeOf(parts)}`;
  const result = await postWebhook(
    { type: "greentic.test", timestamp: new Date(nowMs).toISOString(), data: {} },
    { idempotencyKey: `test_${nowMs}`, signal: new AbortController().signal },
    { http, world, url: textIn(config["url"]) ?? "", secrets: () => secrets("webhook_secret") },
  );
  if (result.kind === "sent")
    return [{ state: "changed", what: `the receiver at ${placeOf(parts)} took a signed test event` }];
  const code = result.error as NonNullable<SetupStep["code"]>;
  const how = "see that it is there, and that both have one secret";
  return [{ state: "failed", what: `${doing}: it didn't take it`, code, how }];
}
