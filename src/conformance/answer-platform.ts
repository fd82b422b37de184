import { openHttp, sendHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/index.ts";
import type { ChannelAddress, Provider } from "../messaging/index.ts";
import { providerOf } from "../messaging/index.ts";
import type { SessionStore } from "../session/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { SessionKeyText, World } from "../types/index.ts";

const DAY_MS = 86_400_000;
const LOOPBACK: HttpOptions = { privateAddresses: ["127.0.0.0/8", "::1/128"] };
const LOOK_MS = 50;
/** Rows of one conversation; a judge's activity makes a few. */
const MAX_ROWS = 1_000;

/**
 * Makes the channel by which a judge's platform gets what a person is to get: outbound webhooks, as a host has them. A runner that is
 * judged has no other network, so the platform is on this machine.
 * @throws HTTP_ADDRESS_DENIED for any other
 */
export function platformChannel(url: string, { address, world }: { address: ChannelAddress; world: World }): Provider {
  const host = URL.parse(url)?.hostname;
  if (host !== "127.0.0.1" && host !== "[::1]" && host !== "localhost")
    throw new GreenticError(
      "HTTP_ADDRESS_DENIED",
      `Reach the judge's platform: expected one on loopback, got ${quote(url)}`,
    );
  const secret = `whsec_${Buffer.from(world.randomBytes(24)).toString("base64")}`;
  const channel = providerOf("webhook-out").create(address, {
    world,
    http: (request, { signal } = {}) => sendHttp(request, { ...LOOPBACK, ...(signal && { signal }) }),
    openHttp: (request, more = {}) => openHttp(request, { ...LOOPBACK, ...more }),
    config: { url },
    secret: async () => secret,
    secrets: async () => [secret],
  });
  // Nothing comes in by outbound webhooks; an activity does, and may come again.
  return { ...channel, dedupeTtlMs: DAY_MS };
}

/** Waits until a conversation's sends are over. @throws MESSAGING_PLATFORM_UNAVAILABLE where they aren't in time; they are kept */
export async function untilSent(
  key: SessionKeyText,
  { store, world, timeoutMs }: { readonly store: SessionStore; readonly world: World; readonly timeoutMs: number },
): Promise<void> {
  const untilMs = world.monotonicMs() + timeoutMs;
  for (;;) {
    const rows = await store.listOutbox({ limit: MAX_ROWS });
    const open = rows.filter((row) => row.key === key && ["queued", "sending", "unknown"].includes(row.status));
    if (open.length === 0) return;
    if (world.monotonicMs() >= untilMs)
      throw new GreenticError(
        "MESSAGING_PLATFORM_UNAVAILABLE",
        `Send to the judge's platform: ${open.length} messages weren't taken within ${timeoutMs} ms`,
      );
    await new Promise<void>((done) => void world.schedule(LOOK_MS, done));
  }
}
