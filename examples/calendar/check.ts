/** Connects a person's calendar on a running host and asks what is next; fails on any other answer: `node examples/calendar/check.ts`. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { startExample } from "../../test/e2e/example-host.ts";
import { startOidcStandIn } from "../../test/stand-ins/oidc-server.ts";

const GOOGLE = "https://accounts.google.com";
const items = [{ summary: "Stand-up", start: { dateTime: "2026-04-06T09:00:00Z" } }];
await using google = await startOidcStandIn({
  hidesIssuer: true,
  claimsIssuer: GOOGLE,
  tokenClaims: { iss: GOOGLE },
  api: { items },
});
await using host = await startExample(import.meta.dirname, {
  rewrite: { [GOOGLE]: google.issuer, "https://www.googleapis.com": google.issuer },
  secrets: { "demo/oauth/google_secret": "GOCSPX-1" },
  config: '\n[network]\nprivate_addresses = ["127.0.0.0/8"]\n',
});
const person = await host.person();
await person.say("What is next?");
await person.until(1);
const link = /"(http:[^"]+\/authorize\/[^"]+)"/.exec(JSON.stringify(person.heard[0]))?.[1] ?? "";
match(link, /\/authorize\/demo\./);

// The person's browser: the button, Google's page, the way back.
match(await (await fetch(link)).text(), /Continue to google/);
const left = await fetch(link, { method: "POST" });
const [cookie = ""] = (left.headers.get("set-cookie") ?? "").split(";");
const page = /content="0;url=([^"]+)"/.exec(await left.text())?.[1]?.replaceAll("&amp;", "&") ?? "";
match(page, /code_challenge_method=S256/);
const back = (await fetch(page, { redirect: "manual" })).headers.get("location") ?? "";
const digits = /class="code">(\d{6})</.exec(await (await fetch(back, { headers: { cookie } })).text())?.[1] ?? "";
ok(digits !== "");
await person.until(2);
await person.say(digits);
await person.until(3);
deepStrictEqual(person.heard.at(-1)?.text, "Next: Stand-up at 2026-04-06T09:00:00Z. ");
console.log("ok  a calendar is connected and read");

await person.say("What is next?");
await person.until(4);
deepStrictEqual(person.heard.at(-1)?.text, "Next: Stand-up at 2026-04-06T09:00:00Z. ");
console.log("ok  the same person isn't asked again");
deepStrictEqual((await fetch(back, { headers: { cookie } })).status, 400);
console.log("ok  the answer works once");
