import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DIRECT_ROOM, GROUP_ROOM, openWebexStandIn } from "../stand-ins/webex.ts";
import type { WebexStandIn } from "../stand-ins/webex.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";

const TOKEN = `stand-in_${"t".repeat(40)}`;
const SECRET = "a secret-of-sixteen".replace(" ", "-");
let webex: WebexStandIn;
let bundle: string;
let host: HostProcess;
const start = (): Promise<HostProcess> =>
  startHostProcess(".", {
    cwd: bundle,
    args: ["--port", "0", "--data", join(bundle, "data")],
    env: { GREENTIC_HTTP_REWRITE: `https://webexapis.com=${webex.url}` },
  });
beforeAll(async () => {
  webex = await openWebexStandIn({ token: TOKEN, secret: SECRET });
  bundle = await makeChannelBundle({
    flow: CITY_FLOW(["Rome", "Paris"]),
    providers: "  webex: { type: webex }\n",
    secrets: { webex: { webex_bot_token: TOKEN, webex_webhook_secret: SECRET } },
  });
  host = await start();
});
afterAll(async () => {
  await host.kill();
  await webex.close();
});

const ingress = (): string => `${host.url}/v1/messaging/ingress/webex/demo`;
const OK = { status: 200, body: "" };
const last = (room: string) => webex.messages.findLast((one) => one.roomId === room && one.attachments !== undefined);

test("a person chooses by a card, in a direct room and in a group's thread; deliveries again change nothing", async () => {
  verifies("channels.webex");
  for (const [room, thread] of [
    [DIRECT_ROOM, undefined],
    [GROUP_ROOM, "root"],
  ] as const) {
    const said = webex.said("hello", { room });
    const root = thread === undefined ? undefined : said.id;
    const hook = webex.hook("messages", said);
    expect(await webex.deliver(ingress(), hook)).toEqual(OK);
    expect(await webex.deliver(ingress(), hook)).toEqual(OK);
    await webex.until(() => webex.seen(room, root).length === 2);
    expect(webex.seen(room, root)).toEqual([expect.stringContaining("Which *city*?"), "Rome | Paris"]);
    const action = webex.press(last(room), "Paris");
    expect(await webex.deliver(ingress(), webex.hook("attachmentActions", action))).toEqual(OK);
    expect(await webex.deliver(ingress(), webex.hook("attachmentActions", action))).toEqual(OK);
    await webex.until(() => webex.seen(room, root).length === 3);
    expect(webex.seen(room, root)[2]).toBe("Noted Paris.");
  }
  expect([webex.refused, webex.limited]).toEqual([[], 0]);
  const hook = webex.hook("messages", webex.said("hi"));
  expect(await webex.deliver(ingress(), hook, webex.sign(JSON.stringify(hook), "another secret..."))).toEqual({
    status: 401,
    body: "",
  });
}, 60_000);

test("what came while Webex couldn't be asked isn't lost, whatever becomes of the host", async () => {
  verifies("channels.notices");
  const before = webex.seen(DIRECT_ROOM).length;
  const reads = webex.reads;
  webex.readFaults.push(503, "reset-before", 503, 429);
  const said = webex.said("hello again");
  expect(await webex.deliver(ingress(), webex.hook("messages", said))).toEqual(OK);
  await webex.until(() => webex.reads > reads);
  await host.kill();
  webex.readFaults.length = 0;
  host = await start();
  await webex.until(() => webex.seen(DIRECT_ROOM).length >= before + 2);
  expect(webex.seen(DIRECT_ROOM).slice(before)).toEqual([expect.stringContaining("Which *city*?"), "Rome | Paris"]);
}, 90_000);
