import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { JsonObject } from "../../src/types/index.ts";
import type { BotFrameworkStandIn } from "../stand-ins/bot-framework.ts";
import { openBotFrameworkStandIn, SERVICE_URL } from "../stand-ins/bot-framework.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";

const APP_ID = "6b2b1f3e-0000-4000-8000-9a1f4c3d2e10";
const PASSWORD = "stand-in~password-0123456789";

let teams: BotFrameworkStandIn;
let host: HostProcess;
const ingress = (): string => `${host.url}/v1/messaging/ingress/teams/demo`;

beforeAll(async () => {
  teams = await openBotFrameworkStandIn({ appId: APP_ID, password: PASSWORD });
  const bundle = await makeChannelBundle({
    flow: CITY_FLOW(["Rome", "Paris"]),
    providers: `  teams: { type: teams, config: { app_id: "${APP_ID}" } }\n`,
    secrets: { teams: { teams_app_password: PASSWORD } },
  });
  host = await startHostProcess(".", {
    cwd: bundle,
    args: ["--port", "0", "--data", join(bundle, "data")],
    env: {
      GREENTIC_HTTP_REWRITE: teams.rewrites.map(({ from, to }) => `${from.origin}=${to.origin}`).join(","),
    },
  });
});
afterAll(async () => {
  await host.kill();
  await teams[Symbol.asyncDispose]();
});

let last = 1_700_000_000_000;
const post = async (
  conversation: string,
  extra: JsonObject,
  token = teams.token(),
): Promise<readonly [number, string]> => {
  const activity = {
    type: "message",
    id: String(++last),
    channelId: "msteams",
    serviceUrl: SERVICE_URL,
    from: { id: "29:ada", name: "Ada" },
    recipient: { id: `28:${APP_ID}`, name: "Worker" },
    conversation: { id: conversation },
    ...extra,
  };
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const response = await fetch(ingress(), { method: "POST", headers, body: JSON.stringify(activity) });
  return [response.status, await response.text()];
};
interface Shown {
  readonly text?: string;
  readonly attachments?: readonly {
    readonly content: {
      readonly body: readonly {
        readonly actions: readonly {
          readonly title: string;
          readonly data: { readonly msteams: { readonly text: string } };
        }[];
      }[];
    };
  }[];
}
const shownIn = (conversation: string): readonly Shown[] =>
  teams.posts.filter((post) => post.conversation === conversation).map(({ body }) => body as unknown as Shown);

test("a person answers a card's action, and a redelivery changes nothing", async () => {
  verifies("channels.teams");
  const conversation = "19:abc@thread.tacv2;messageid=1700000000000";
  const entities = [{ type: "mention", text: "<at>Worker</at>", mentioned: { id: `28:${APP_ID}` } }];
  const hello = { id: "1", text: "<at>Worker</at> hello", entities };
  expect(await post(conversation, hello)).toEqual([200, ""]);
  expect(await post(conversation, hello)).toEqual([200, ""]);
  await teams.until(() => shownIn(conversation).length === 1);
  const [question] = shownIn(conversation);
  expect(question).toMatchObject({ text: "Which *city*?", textFormat: "plain" });
  const [rome] = question?.attachments?.[0]?.content.body[0]?.actions ?? [];
  expect(rome?.title).toBe("Rome");
  // A connector that asks for patience gets the answer a second later.
  teams.faults.push(429);
  await post(conversation, { text: rome?.data.msteams.text ?? "", value: {} });
  await teams.until(() => shownIn(conversation).length === 2);
  expect(shownIn(conversation)[1]).toMatchObject({ text: "Noted Rome." });
});

test("an invoke is answered in the same response, and what the flow says comes as a message", async () => {
  verifies("channels.teams");
  const conversation = "a:personal";
  await post(conversation, { text: "hello" });
  await teams.until(() => shownIn(conversation).length === 1);
  const action = { type: "Action.Execute", data: { city: "Paris" } };
  const [status, body] = await post(conversation, { type: "invoke", name: "adaptiveCard/action", value: { action } });
  expect([status, JSON.parse(body)]).toEqual([
    200,
    { statusCode: 200, type: "application/vnd.microsoft.activity.message", value: "✓" },
  ]);
  await teams.until(() => shownIn(conversation).length === 2);
  expect(shownIn(conversation)[1]).toMatchObject({ text: "Noted Paris." });
});

test("a token of another app, another's service URL and an unknown channel look alike", async () => {
  verifies("channels.teams.token");
  const before = teams.posts.length;
  const answers = [
    await post("a:x", { text: "hi" }, teams.token({ aud: "another-app" })),
    await post("a:x", { text: "hi", serviceUrl: "https://evil.example/" }),
    await post(
      "a:x",
      { text: "hi", serviceUrl: "https://evil.example/" },
      teams.token({ serviceurl: "https://evil.example/" }),
    ),
  ];
  const unknown = await fetch(ingress().replace("teams/", "reams/"), { method: "POST", body: "{}" });
  expect([...answers, [unknown.status, await unknown.text()]]).toEqual(Array.from({ length: 4 }, () => [401, ""]));
  expect(teams.posts.length).toBe(before);
});
