/** Tokens that expire and are renewed, as Microsoft's own Direct Line client meets them; the host's clock is the test's. */
import { afterEach, describe, expect, test } from "vitest";
import type { Listening } from "../../src/gateway/index.ts";
import { createPeerClient, PeerEars, post, STATUS } from "../peers/directline-js.ts";
import { hasPeers } from "../peers/load-peer.ts";
import { createGatewayFixture, WEBCHAT_SECRET } from "../stand-ins/gateway-fixture.ts";
import { verifies } from "../verifies.ts";

const open: Listening[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listening) => listening.close({ timeoutMs: 100 })));
});

describe.skipIf(!hasPeers)("botframework-directlinejs", () => {
  test.each([[true], [false]])(
    "is told that its token expired and goes on with a new one (stream: %s)",
    async (webSocket) => {
      verifies("channels.direct-line.clients");
      const { gateway, world } = createGatewayFixture();
      const listening = await gateway.listen({ host: "127.0.0.1", port: 0 });
      open.push(listening);
      const domain = `${listening.url}/v1/messaging/webchat/acme/v3/directline`;
      const ask = async (method: string, path: string, bearer: string): Promise<{ token: string; streamUrl: string }> =>
        (await (await fetch(domain + path, { method, headers: { authorization: `Bearer ${bearer}` } })).json()) as {
          token: string;
          streamUrl: string;
        };
      const { token } = await ask("POST", "/tokens/generate", WEBCHAT_SECRET);
      const client = createPeerClient({ token, domain, webSocket, timeout: 500 });
      const ears = new PeerEars(client);
      const hears = (text: string): Promise<void> => ears.until(({ worker }) => worker.includes(`You said: ${text}`));
      await post(client, { type: "message", text: "one", from: { id: "ada" } });
      await hears("one");

      // Renewed in time, again and again, it outlives any single token.
      for (let i = 0; i < 3; i++) {
        world.advance(900_000);
        client.token = await new Promise((told, fail) => client.refreshToken().subscribe(told, fail));
      }
      await post(client, { type: "message", text: "two", from: { id: "ada" } });
      await hears("two");
      expect(ears.statuses).not.toContain(STATUS.expiredToken);

      // Not renewed: it is told, and neither reads nor refreshes any more.
      world.advance(1_800_000);
      await ears.until(({ statuses }) => statuses.at(-1) === STATUS.expiredToken);
      const refusal = await new Promise((told) => client.refreshToken().subscribe(() => told("renewed"), told));
      expect(refusal).toMatchObject({ status: 403, response: { error: { code: "GATEWAY_TOKEN_INVALID" } } });

      // The site's own server has the secret and gets a new one for the same conversation.
      const { conversationId } = client;
      const fresh = await ask("GET", `/conversations/${conversationId}?watermark=${client.watermark}`, WEBCHAT_SECRET);
      client.reconnect({ ...fresh, conversationId });
      await post(client, { type: "message", text: "three", from: { id: "ada" } });
      await hears("three");
      expect(ears.worker).toEqual(["one", "two", "three"].map((text) => `You said: ${text}`));
      client.end();
    },
  );
});
