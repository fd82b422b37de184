/** Sends a request to each team on a running host and fails where one reaches what is the other's: `node examples/two-teams/check.ts`. */
import { deepStrictEqual } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startExample } from "../../test/e2e/example-host.ts";
import { openWebhookReceiver } from "../../test/stand-ins/webhook-receiver.ts";

const KEY = Buffer.from("a secret of twenty-four b");
const SECRET = `whsec_${KEY.toString("base64")}`;
const notes: (string | undefined)[] = [];
const crm = createServer((request, response) => {
  notes.push(request.url);
  request.resume();
  response.writeHead(200, { "content-type": "application/json" }).end("{}");
}).listen(0, "127.0.0.1");
await once(crm, "listening");
const sales = await openWebhookReceiver(SECRET);
const support = await openWebhookReceiver(SECRET);
const channels = ["sales-in", "sales-out", "support-in", "support-out"];
const host = await startExample(import.meta.dirname, {
  rewrite: {
    "https://crm.example.com": `http://127.0.0.1:${(crm.address() as AddressInfo).port}`,
    "https://sales.example.com": sales.url,
    "https://support.example.com": support.url,
  },
  secrets: Object.fromEntries(channels.map((channel) => [`acme/${channel}/webhook_secret`, SECRET])),
});

/** Sends a request as the Standard Webhooks specification signs it. */
async function request(team: string, channel: string): Promise<number> {
  const body = JSON.stringify({ type: "request", data: { customer: "ana", text: `from ${team}` } });
  const time = Math.floor(Date.now() / 1000);
  const id = `msg_${team}_${channel}`;
  const signature = createHmac("sha256", KEY).update(`${id}.${time}.${body}`).digest("base64");
  const headers = { "webhook-id": id, "webhook-timestamp": String(time), "webhook-signature": `v1,${signature}` };
  const url = `${host.url}/v1/events/ingress/${channel}/acme/${team}`;
  return (await fetch(url, { method: "POST", body, headers })).status;
}

deepStrictEqual(await request("sales", "sales-in"), 200);
deepStrictEqual(await request("support", "support-in"), 200);
// A channel is its team's: there is none of that name elsewhere.
deepStrictEqual(await request("sales", "support-in"), 401);
await sales.until(() => sales.taken.length > 0);
await support.until(() => support.taken.length > 0);
const textsOf = ({ taken }: typeof sales): readonly unknown[] =>
  taken.map(({ payload }) => (payload["data"] as { text: string }).text);
deepStrictEqual(textsOf(sales), ["Quote of ana, noted: from sales"]);
deepStrictEqual(textsOf(support), ["Complaint of ana: from support"]);
deepStrictEqual(notes, ["/customers/ana/notes"]);
console.log("ok  each team has its own pack, and one of them the CRM");
await host[Symbol.asyncDispose]();
for (const receiver of [sales, support]) await receiver.close();
crm.close();
crm.closeAllConnections();
