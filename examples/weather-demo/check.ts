/** Holds the demo's conversation against a running host and fails on any other answer: `node examples/weather-demo/check.ts`. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DirectLineClient } from "../../test/e2e/direct-line-client.ts";
import { startHostProcess } from "../../test/e2e/host-process.ts";
import { startChatStandIn } from "../../test/stand-ins/chat-completions.ts";
import { startOpenMeteoStandIn } from "./open-meteo-stand-in.ts";

const ORIGINS = ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"];

async function converse(
  name: string,
  rewriteTo: string,
  check: (texts: readonly string[], cards: readonly string[]) => void,
  locale = "en",
): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), "greentic-weather-"));
  const host = await startHostProcess("examples/weather-demo", {
    args: ["--port", "0", "--data", data],
    env: {
      GREENTIC_HTTP_REWRITE: ORIGINS.map((origin) => `${origin}=${rewriteTo}`).join(","),
      GREENTIC_LOG_LEVEL: "warn",
    },
  });
  try {
    const person = new DirectLineClient(() => host.url, { locale });
    await person.open();
    await person.say("/weather");
    await person.until(1);
    await person.say("Jakarta");
    await person.until(2);
    await person.say(locale === "id" ? "besok" : "tomorrow");
    await person.until(3);
    await new Promise((later) => setTimeout(later, 300));
    const all = (await person.all()).filter((activity) => !activity.from.id.startsWith("dl_"));
    check(
      all.map((activity) => activity.text ?? activity.summary ?? ""),
      all.flatMap((activity) => activity.attachments ?? []).map((attachment) => JSON.stringify(attachment.content)),
    );
    console.log(`ok  ${name}`);
  } finally {
    await host.stop();
    await rm(data, { recursive: true, force: true });
  }
}

/** Says one sentence, with the configuration that goes on behind the trusted key. */
async function understand(
  name: string,
  models: string,
  check: (texts: readonly string[], cards: readonly string[]) => void,
): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), "greentic-weather-"));
  const key = JSON.stringify(join(import.meta.dirname, ".keys/dev.pub"));
  await writeFile(join(data, "greentic.toml"), `[security]\ntrusted_publishers = [{ key = ${key} }]\n${models}`);
  const host = await startHostProcess("examples/weather-demo", {
    args: ["--port", "0", "--data", data, "--config", join(data, "greentic.toml")],
    env: {
      GREENTIC_HTTP_REWRITE: ORIGINS.map((origin) => `${origin}=${meteo.url}`).join(","),
      GREENTIC_LOG_LEVEL: "warn",
    },
  });
  try {
    const person = new DirectLineClient(() => host.url);
    await person.open();
    await person.say("weather in Paris tomorrow");
    await person.until(1);
    const all = (await person.all()).filter((activity) => !activity.from.id.startsWith("dl_"));
    check(
      all.map((activity) => activity.text ?? activity.summary ?? ""),
      all.flatMap((activity) => activity.attachments ?? []).map((attachment) => JSON.stringify(attachment.content)),
    );
    console.log(`ok  ${name}`);
  } finally {
    await host.stop();
    await rm(data, { recursive: true, force: true });
  }
}

/** Runs the recorded conversations of the demo, with its tool stubbed. */
async function recorded(): Promise<void> {
  const gtc = [join(import.meta.dirname, "../../src/cli/main.ts"), "flow", "test", import.meta.dirname];
  const { stdout } = await promisify(execFile)(process.execPath, gtc);
  process.stdout.write(stdout);
}

await recorded();
const meteo = await startOpenMeteoStandIn();
await converse("with the forecast", meteo.url, (texts, cards) => {
  deepStrictEqual(texts.slice(0, 2), ["Which city?", "Which day? Say today, tomorrow or a date such as 2026-12-24."]);
  deepStrictEqual(texts.length, 3, "one reply, once");
  match(texts[2] ?? "", /Jakarta, Indonesia/);
  deepStrictEqual(cards.length, 1);
  match(cards[0] ?? "", /Open-Meteo/);
});
await converse("in Indonesian", meteo.url, (texts) => match(texts[0] ?? "", /Kota mana\?/), "id");
const asks = (texts: readonly string[]): void => deepStrictEqual(texts, ["Which city?"]);
await understand("one sentence without a model", "", asks);
const model = await startChatStandIn(({ messages }) => {
  match(messages.at(-1)?.content ?? "", /^weather in Paris tomorrow$/);
  return { text: JSON.stringify({ city: "Paris", date: "tomorrow" }) };
});
const lent = `[llm.default]\nurl = "${model.url}"\nmodel = "small"\n`;
await understand("one sentence with a model", lent, (texts, cards) => {
  deepStrictEqual(texts.length, 1);
  match(texts[0] ?? "", /Paris, France/);
  match(cards[0] ?? "", /Open-Meteo/);
});
deepStrictEqual(model.requests.length, 1);
await model[Symbol.asyncDispose]();
await understand("one sentence with a model that is away", lent, asks);
await meteo[Symbol.asyncDispose]();
// Nothing listens there any more: the tool answers from the pack's climate normals.
await converse("without network", meteo.url, (texts, cards) => {
  deepStrictEqual(texts.length, 3);
  match(cards[0] ?? "", /usual climate/);
  ok((texts[2] ?? "").length > 40);
});
