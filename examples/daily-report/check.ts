/** Lets the morning come every second on a running host and fails on any other mail: `node examples/daily-report/check.ts`. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startExample } from "../../test/e2e/example-host.ts";
import { openMailServer } from "../../test/stand-ins/mail-server.ts";

const asked: string[] = [];
const shop = createServer((request, response) => {
  asked.push(`${request.url} ${request.headers.authorization}`);
  const figures = {
    orders: 12,
    revenue: 340.5,
    products: [
      { name: "Tea", sold: 7 },
      { name: "Cake", sold: 5 },
    ],
  };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(figures));
}).listen(0, "127.0.0.1");
await once(shop, "listening");
const mails = await openMailServer();
const host = await startExample(import.meta.dirname, {
  // The mail server is on this machine.
  config: '[network]\nprivate_addresses = ["127.0.0.1"]\n',
  bundle: (text) =>
    text
      .replace('"0 8 * * mon-fri"', '"* * * * * *"')
      .replace("smtp.example.com", "127.0.0.1")
      .replace('"587"', `"${mails.port}"`),
  rewrite: { "https://shop.example.com": `http://127.0.0.1:${(shop.address() as AddressInfo).port}` },
  secrets: { "demo/daily-report/shop_token": "shop-1", "demo/mail/email_thread_secret": "a-text-of-our-own" },
});
await mails.until(() => mails.taken.length >= 2);
match(asked[0] ?? "", /^\/figures\?until=\d{4}-\d{2}-\d{2}T\S+ Bearer shop-1$/);
const [first] = mails.taken;
deepStrictEqual(first?.to, ["team@example.org"]);
match(first?.mail.text ?? "", /12 orders, 340\.5 EUR\.\s+- Tea: 7\s+- Cake: 5/);
ok(asked.length >= mails.taken.length, "each report has figures of its own");
console.log("ok  a report is mailed whenever its time comes");
await host[Symbol.asyncDispose]();
await mails.close();
shop.close();
shop.closeAllConnections();
