/** Microsoft's own Direct Line client, `botframework-directlinejs`, on a real host. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPeerClient, PeerEars, post, STATUS } from "../peers/directline-js.ts";
import type { PeerClient } from "../peers/directline-js.ts";
import { hasPeers } from "../peers/load-peer.ts";
import { verifies } from "../verifies.ts";
import { startWeatherHost } from "./weather-host.ts";
import type { WeatherHost } from "./weather-host.ts";

const SECRET = "a-secret-of-the-demo-0123456789";
const from = { id: "ada" };

describe.skipIf(!hasPeers)("botframework-directlinejs", () => {
  let host: WeatherHost;
  beforeAll(async () => {
    host = await startWeatherHost({ webchat: { autostart: true }, secret: SECRET });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const token = async (): Promise<string> => {
    const answer = await fetch(`${host.directLine}/tokens/generate`, { method: "POST" });
    return ((await answer.json()) as { token: string }).token;
  };
  const say = (client: PeerClient, text: string): Promise<string> => post(client, { type: "message", text, from });

  test.each([
    ["over a WebSocket, with a token", { webSocket: true, isTrusted: false }],
    ["by polling, with a token", { webSocket: false, isTrusted: false }],
    ["by polling, with the secret", { webSocket: false, isTrusted: true }],
  ] as const)("holds the weather conversation %s", { timeout: 90_000 }, async (_name, { webSocket, isTrusted }) => {
    verifies("channels.direct-line.clients");
    const login = isTrusted ? { secret: SECRET } : { token: await token() };
    const client = createPeerClient({
      ...login,
      domain: host.directLine,
      webSocket,
      conversationStartProperties: { locale: "id" },
      // Between its attempts to come back; its own is 20 seconds.
      timeout: 2_000,
    });
    const ears = new PeerEars(client);
    await ears.until(({ worker }) => worker.length === 1);
    expect(ears.worker[0]).toContain("Kota mana?");
    const id = await say(client, "Jakarta");
    await ears.until(({ worker }) => worker.length === 2);
    expect(ears.heard.find((activity) => activity.id === id)).toMatchObject({
      text: "Jakarta",
      from: { role: "user" },
    });
    await say(client, "besok");
    await ears.until(({ worker }) => worker.length === 3);
    expect(ears.heard.at(-1)?.attachments).toMatchObject([{ contentType: "application/vnd.microsoft.card.adaptive" }]);
    // The card's button, as Web Chat sends it.
    await post(client, { type: "message", value: { text: "/weather" }, channelData: { postBack: true }, from });
    await ears.until(({ worker }) => worker.length === 4);
    expect(ears.worker[3]).toContain("Kota mana?");
    expect(ears.statuses).toEqual([0, STATUS.connecting, STATUS.online]);
    const { conversationId, watermark } = client;

    await host.kill();
    await host.start();
    let resumed = client;
    let later = ears;
    // The client's polling ends at the first request without an answer; whoever embeds it goes on with a new one.
    if (!webSocket) {
      client.end();
      resumed = createPeerClient({
        ...login,
        token: client.token,
        domain: host.directLine,
        webSocket,
        conversationId,
        watermark,
      });
      later = new PeerEars(resumed);
    }
    const before = later.worker.length;
    await say(resumed, "Madrid");
    await later.until(({ worker }) => worker.length === before + 1);
    await say(resumed, "hari ini");
    await later.until(({ worker }) => worker.length === before + 2);
    expect(later.heard.at(-1)?.attachments).toHaveLength(1);
    resumed.end();
    const log = await fetch(`${host.directLine}/conversations/${conversationId}/activities`, {
      headers: { authorization: `Bearer ${resumed.token}` },
    });
    const { activities } = (await log.json()) as { activities: { from: { role: string } }[] };
    expect(activities.map((activity) => activity.from.role).join(" ")).toBe(
      "bot user bot user bot user bot user bot user bot",
    );
  });
});
