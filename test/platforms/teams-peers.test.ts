import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { sendHttp } from "../../src/http/index.ts";
import type { Provider } from "../../src/messaging/index.ts";
import { providerOf } from "../../src/messaging/index.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { channelId, DEFAULT_TEAM, envId, tenantId } from "../../src/types/index.ts";
import { hasPeers, loadPeer } from "../peers/load-peer.ts";
import type { BotFrameworkStandIn } from "../stand-ins/bot-framework.ts";
import { openBotFrameworkStandIn, SERVICE_URL } from "../stand-ins/bot-framework.ts";
import { verifies } from "../verifies.ts";
import { CHANNEL_SETTINGS, partsOf } from "./channel-settings.ts";

/** What these tests use of `botframework-connector`. */
interface Connector {
  readonly ChannelValidation: { OpenIdMetadataEndpoint?: string };
  readonly JwtTokenValidation: {
    readonly authenticateRequest: (
      activity: object,
      header: string,
      credentials: object,
      service: string,
    ) => Promise<object>;
  };
  readonly SimpleCredentialProvider: new (appId: string, password: string) => object;
  readonly ConnectorClient: new (
    credentials: object,
    options: { readonly baseUri: string },
  ) => {
    readonly conversations: {
      readonly sendToConversation: (id: string, activity: object) => Promise<{ readonly id: string }>;
    };
  };
}

const { config, secrets } = CHANNEL_SETTINGS["teams"] ?? { config: {}, secrets: {} };
const [APP_ID, PASSWORD] = [config["app_id"] as string, secrets["teams_app_password"] ?? ""];
const ACTIVITY: JsonObject = {
  type: "message",
  id: "1700000000001",
  channelId: "msteams",
  serviceUrl: SERVICE_URL,
  from: { id: "29:ada" },
  recipient: { id: `28:${APP_ID}` },
  conversation: { id: "a:1", tenantId: "t-1" },
  text: "hello",
};

let teams: BotFrameworkStandIn;
let provider: Provider;
let connector: Connector;
let closeMetadata: () => void;
beforeAll(async () => {
  if (!hasPeers) return;
  teams = await openBotFrameworkStandIn({ appId: APP_ID, password: PASSWORD });
  const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("teams") };
  provider = providerOf("teams").create(address, {
    ...partsOf("teams"),
    world: { nowMs: () => Date.now(), schedule: () => () => undefined },
    http: (request, options) => sendHttp(request, { ...options, rewrites: teams.rewrites }),
  });
  connector = loadPeer("botframework-connector") as Connector;
  // The peer fetches the keys from where the metadata says, so that both must be on loopback.
  const to = teams.rewrites[0]?.to.href ?? "";
  const metadata = createServer(
    (_incoming, outgoing) => void outgoing.end(JSON.stringify({ jwks_uri: `${to}v1/.well-known/keys` })),
  );
  await new Promise<void>((listening) => void metadata.listen(0, "127.0.0.1", listening));
  connector.ChannelValidation.OpenIdMetadataEndpoint = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}/`;
  closeMetadata = () => {
    metadata.closeAllConnections();
    metadata.close();
  };
});
afterAll(async () => {
  if (!hasPeers) return;
  closeMetadata();
  await teams[Symbol.asyncDispose]();
});

/** Whether we, and whether Microsoft's connector, believe an activity. */
async function believe(authorization: string, activity = ACTIVITY): Promise<readonly [ours: boolean, theirs: boolean]> {
  const headers = { "content-type": "application/json", authorization };
  const body = Buffer.from(JSON.stringify(activity));
  const received = await provider.receive?.({ method: "POST", url: "/", headers, body });
  const credentials = new connector.SimpleCredentialProvider(APP_ID, PASSWORD);
  const theirs = await connector.JwtTokenValidation.authenticateRequest(activity, authorization, credentials, "").then(
    () => true,
    () => false,
  );
  return [received?.kind !== "refused", theirs];
}

test.skipIf(!hasPeers)(
  "Microsoft's connector and we believe the same tokens, but for three kinds in which we are stricter",
  async () => {
    verifies("channels.peers");
    // The peer tells of what it refuses on the console.
    const quiet = vi.spyOn(console, "error").mockReturnValue(undefined);
    const nowS = Math.floor(Date.now() / 1000);
    const good = teams.token();
    const [head = "", claims = "", signature = ""] = good.split(".");
    const unsigned = Buffer.from(JSON.stringify({ alg: "none", kid: teams.kid })).toString("base64url");
    const alike: (readonly [string, string, boolean])[] = [
      ["genuine", `Bearer ${good}`, true],
      ["four minutes past its end", `Bearer ${teams.token({ nbf: nowS - 900, exp: nowS - 240 })}`, true],
      ["six minutes past its end", `Bearer ${teams.token({ nbf: nowS - 900, exp: nowS - 360 })}`, false],
      ["six minutes before its begin", `Bearer ${teams.token({ nbf: nowS + 360 })}`, false],
      ["of another issuer", `Bearer ${teams.token({ iss: "https://evil.example" })}`, false],
      ["for another app", `Bearer ${teams.token({ aud: "another-app" })}`, false],
      ["for another service", `Bearer ${teams.token({ serviceurl: "https://evil.example/" })}`, false],
      ["without a service", `Bearer ${teams.token({ serviceurl: undefined })}`, false],
      ["by an unknown key", `Bearer ${teams.token({}, { kid: "another" })}`, false],
      ["unsigned", `Bearer ${unsigned}.${claims}.`, false],
      ["with its signature cut", `Bearer ${head}.${claims}.${signature.slice(0, -4)}`, false],
      ["with its claims cut", `Bearer ${head}.${claims.slice(0, -4)}.${signature}`, false],
      ["under another scheme", `bearer ${good}`, false],
      ["twice", `Bearer ${good} ${good}`, false],
      ["absent", "", false],
    ];
    for (const [what, authorization, isBelieved] of alike)
      expect([what, ...(await believe(authorization))]).toEqual([what, isBelieved, isBelieved]);
    const elsewhere = { ...ACTIVITY, serviceUrl: "https://smba.trafficmanager.net/amer/" };
    expect(await believe(`Bearer ${good}`, elsewhere)).toEqual([false, false]);
    // It takes a token without an end, hosts that are not Teams', and a token in another spelling.
    const evil = "https://evil.example/";
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const respelt = good.slice(0, -1) + (last[last.indexOf(good.at(-1) ?? "") ^ 1] ?? "");
    const stricter = [
      await believe(`Bearer ${teams.token({ exp: undefined })}`),
      await believe(`Bearer ${teams.token({ serviceurl: evil })}`, { ...ACTIVITY, serviceUrl: evil }),
      await believe(`Bearer ${respelt}`),
    ];
    expect(stricter).toEqual([
      [false, true],
      [false, true],
      [false, true],
    ]);
    quiet.mockRestore();
  },
);

test.skipIf(!hasPeers)(
  "Microsoft's own client sends against what stands in for the connector, and is refused as we are",
  async () => {
    verifies("channels.peers");
    const open = (bearer: string) =>
      new connector.ConnectorClient(
        {
          signRequest: (resource: { readonly headers: { readonly set: (name: string, value: string) => void } }) => {
            resource.headers.set("authorization", `Bearer ${bearer}`);
            return Promise.resolve(resource);
          },
        },
        { baseUri: `${teams.rewrites[0]?.to.href}emea` },
      ).conversations;
    teams.tokens.add("stand-in-token");
    const activity = {
      type: "message",
      text: "hello",
      attachments: [
        {
          contentType: "application/vnd.microsoft.card.adaptive",
          content: { type: "AdaptiveCard", version: "1.5", body: [] },
        },
      ],
    };
    expect((await open("stand-in-token").sendToConversation("19:abc@thread.tacv2;messageid=1", activity)).id).toBe(
      "1:1",
    );
    expect(teams.posts).toMatchObject([{ conversation: "19:abc@thread.tacv2;messageid=1", body: activity }]);
    await expect(open("another").sendToConversation("a:1", activity)).rejects.toMatchObject({ statusCode: 401 });
    await expect(
      open("stand-in-token").sendToConversation("a:1", { type: "message", text: "x".repeat(60_000) }),
    ).rejects.toMatchObject({ statusCode: 413 });
  },
);
