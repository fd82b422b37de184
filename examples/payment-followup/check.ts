/** Lets a payment fail on a running host and fails on any other mail: `node examples/payment-followup/check.ts`. */
import { deepStrictEqual, match } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { startExample } from "../../test/e2e/example-host.ts";
import { openMailServer } from "../../test/stand-ins/mail-server.ts";

const SECRET = "whsec_0123456789abcdefABCDEF";
const mails = await openMailServer();
const host = await startExample(import.meta.dirname, {
  // The mail server is on this machine.
  config: '[network]\nprivate_addresses = ["127.0.0.1"]\n',
  bundle: (text) => text.replace("smtp.example.com", "127.0.0.1").replace('"587"', `"${mails.port}"`),
  secrets: { "demo/stripe/stripe_webhook_secret": SECRET, "demo/mail/email_thread_secret": "a-text-of-our-own" },
});

/** Delivers an event as Stripe does, signed with its time. */
async function deliver(id: string, invoice: object, type = "invoice.payment_failed"): Promise<number> {
  const body = JSON.stringify({ id, type, data: { object: { id: "in_1", ...invoice } } });
  const time = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", SECRET).update(`${time}.${body}`).digest("hex");
  const headers = { "content-type": "application/json", "stripe-signature": `t=${time},v1=${signature}` };
  const answer = await fetch(`${host.url}/v1/events/ingress/stripe/demo`, { method: "POST", body, headers });
  return answer.status;
}

const invoice = { number: "A-7", hosted_invoice_url: "https://invoice.example.com/A-7" };
deepStrictEqual(await deliver("evt_0", { ...invoice, customer_email: null }), 200);
deepStrictEqual(await deliver("evt_1", { ...invoice, customer_email: "ana@example.org" }, "invoice.paid"), 200);
for (let n = 0; n < 2; n++)
  deepStrictEqual(await deliver("evt_2", { ...invoice, customer_email: "ana@example.org" }), 200);
deepStrictEqual(await deliver("evt_3", { ...invoice, number: "A-8", customer_email: "bo@example.org" }), 200);
await mails.until(() => mails.taken.length === 2);
const taken = mails.taken.toSorted((a, b) => String(a.to).localeCompare(String(b.to)));
deepStrictEqual(
  taken.map(({ to }) => to),
  [["ana@example.org"], ["bo@example.org"]],
);
match(taken[0]?.mail.text ?? "", /invoice A-7 didn't go through[^]*https:\/\/invoice\.example\.com\/A-7/);
console.log("ok  a failed payment is written about, once");
await host[Symbol.asyncDispose]();
await mails.close();
