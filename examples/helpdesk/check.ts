/** Opens two tickets on a running host, of which the lead calls one urgent, and fails on any other: `node examples/helpdesk/check.ts`. */
import { deepStrictEqual, match } from "node:assert/strict";
import { startExample } from "../../test/e2e/example-host.ts";
import { openTelegramStandIn } from "../../test/stand-ins/telegram.ts";
import { openWebhookReceiver } from "../../test/stand-ins/webhook-receiver.ts";

const SECRET = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;
const TOKEN = "4711:a-token-of-the-bot";
/** Believes nothing that isn't signed by the Standard Webhooks specification. */
const tickets = await openWebhookReceiver(SECRET);
const telegram = await openTelegramStandIn({ token: TOKEN });
const host = await startExample(import.meta.dirname, {
  rewrite: { "https://tickets.example.com": tickets.url, "https://api.telegram.org": telegram.url },
  secrets: { "demo/tickets/webhook_secret": SECRET, "demo/telegram/telegram_bot_token": TOKEN },
});

async function report(what: string, press: number): Promise<string> {
  const person = await host.person();
  for (const [n, text] of ["/help", what, "urgent"].entries()) {
    await person.say(text);
    if (n < 2) await person.until(n + 1);
  }
  // The lead presses a button in a chat of another platform; the person hears of it.
  const isAsked = (text: string): boolean => text.includes(what);
  await telegram.until(() => telegram.sends.some(({ text }) => isAsked(text)));
  const asked = telegram.sends.find(({ text }) => isAsked(text));
  const keyboard = asked?.replyMarkup as { inline_keyboard: { callback_data: string }[][] } | undefined;
  telegram.press(asked?.messageId ?? 0, keyboard?.inline_keyboard.flat()[press]?.callback_data ?? "");
  await person.until(3);
  return person.heard.at(-1)?.text ?? "";
}

match(await report("The printer burns", 0), /right now/);
match(await report("The coffee is cold", 1), /today/);
await tickets.until(() => tickets.taken.length === 2);
deepStrictEqual(
  tickets.taken.map(({ payload }) => {
    const { text, to } = payload["data"] as { text: string; to: readonly { id: string }[] };
    return [text, to[0]?.id];
  }),
  [
    ["The printer burns", "urgent"],
    ["The coffee is cold", "normal"],
  ],
);
deepStrictEqual(tickets.refused(), 0);
console.log("ok  tickets are as urgent as the lead says");
await host[Symbol.asyncDispose]();
await telegram.close();
await tickets.close();
