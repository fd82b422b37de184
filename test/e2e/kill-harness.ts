/** What kill tests share: the bundle, the people in it, and the checker, which knows only what people said and heard. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { buildPack } from "../../src/pack/index.ts";
import type { TelegramStandIn } from "../stand-ins/telegram.ts";
import type { WebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import { DirectLineClient } from "./direct-line-client.ts";

/** The bot token that the bundle's secrets hold. */
export const KILL_TOKEN = "123456:kill-test-token-of-the-stand-in";
const FIRST_CHAT = 1_000;
const FLOW = `id: on_message
type: messaging
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: name, prompt: "Which name?", type: string }
        - { id: colour, prompt: "Which colour?", type: string }
    routing: [{ to: note }]
  note:
    state.set: { key: "last", value: "{{ask.answers.name}} {{ask.answers.colour}}" }
    routing: [{ to: done }]
  done:
    message.send: { text: "Noted {{ask.answers.name}} {{ask.answers.colour}}." }
    routing: out
`;
/** The same, and the answers go to a webhook too, each person's as a conversation of its own. */
const TELLING_FLOW =
  FLOW.replace(/routing: out\n$/, "routing: [{ to: tell }]") +
  `
  tell:
    message.send: { text: "{{state.last}}", to: { id: "{{ask.answers.name}}", channel: orders } }
    routing: out
`;
/** What webhooks are signed with. */
export const KILL_HOOK_SECRET = `whsec_${Buffer.from("the kill tests' webhook secret!!").toString("base64")}`;

interface KillBundleOptions {
  /** Another flow than the one that asks twice and answers once. */
  readonly flow?: string;
  readonly toolMap?: object;
  /** Where the answers of each conversation go too, once. */
  readonly hookUrl?: string;
  /** Lines of greentic.toml that come first. */
  readonly settings?: string;
}

/** Makes a bundle of a flow that asks twice and answers once, in WebChat and Telegram; `data` names the data directories. */
export async function makeKillBundle(
  data: readonly string[],
  { hookUrl, flow = hookUrl === undefined ? FLOW : TELLING_FLOW, toolMap, settings = "" }: KillBundleOptions = {},
): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-kill-"));
  mkdirSync(join(dir, "pack/flows"), { recursive: true });
  writeFileSync(join(dir, "pack/flows/on_message.ygtc"), flow);
  writeFileSync(
    join(dir, "pack/pack.toml"),
    '[pack]\nname = "kill"\nversion = "1.0.0"\ndescription = "Asks twice, answers once"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["kill"]\n[flows]\non_message = "flows/on_message.ygtc"\n' +
      (toolMap === undefined ? "" : '[assets]\ntoolmap = "assets/toolmap.json"\n'),
  );
  if (toolMap !== undefined) {
    mkdirSync(join(dir, "pack/assets"));
    writeFileSync(join(dir, "pack/assets/toolmap.json"), JSON.stringify(toolMap));
  }
  writeFileSync(
    join(dir, "kill.gtpack"),
    (await buildPack(join(dir, "pack"), { probeComponent: () => ({ abi: "none", world: "" }) })).bytes,
  );
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    `tenant: demo\nproviders:\n  webchat: { type: webchat }\n  messaging-telegram: { type: telegram }\n${
      hookUrl === undefined ? "" : `  orders: { type: webhook-out, config: { url: "${hookUrl}" } }\n`
    }apps:\n  kill: { pack: kill.gtpack }\n`,
  );
  writeFileSync(
    join(dir, "greentic.toml"),
    `${settings}[server]\ntokens_per_minute = 1000000\ntoken_ttl_seconds = 86400\n[security]\nreject_unsigned = false\n${
      hookUrl === undefined ? "" : '[network]\nprivate_addresses = ["127.0.0.1"]\n'
    }`,
  );
  for (const name of data) {
    mkdirSync(join(dir, name), { mode: 0o700 });
    writeFileSync(
      join(dir, name, "secrets.json"),
      JSON.stringify({
        "secrets://dev/demo/_/messaging-telegram/telegram_bot_token": KILL_TOKEN,
        "secrets://dev/demo/_/orders/webhook_secret": KILL_HOOK_SECRET,
      }),
      { mode: 0o600 },
    );
  }
  return dir;
}

/** Numbers from a seed, so that a run can be told again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

export const pause = (ms: number): Promise<void> => new Promise((later) => setTimeout(later, ms));
/** What person `i` hears of the flow. */
export const expected = (i: number): readonly string[] => ["Which name?", "Which colour?", `Noted N${i} C${i}.`];
/** What person `i` says. */
export const said = (i: number): readonly string[] => ["hello", `N${i}`, `C${i}`];

/** A row of `gtc outbox list --json` as the checker needs it. */
export interface SeenRow {
  readonly key: string;
  readonly wasUnknown: boolean;
  readonly attempts: number;
}

/** A row of `gtc dlq list --json` as far as tests look at it. */
export interface SeenDeadLetter {
  readonly stage: "ingress" | "egress";
  readonly reason: string;
}

/** What a run came to. */
export interface KillVerdict {
  readonly doubledInTelegram: number;
  readonly recordedUnknown: number;
}

/** Conversations of three turns, the even ones in WebChat, the odd ones in Telegram. */
export class Conversations {
  readonly #webchat: DirectLineClient[] = [];
  readonly #telegram: TelegramStandIn;
  readonly #gateway: () => string;
  readonly #count: number;
  readonly #byChat = new Map<string, readonly string[]>();
  #filed = 0;

  constructor(
    count: number,
    options: {
      readonly telegram: TelegramStandIn;
      /** The gateway's URL of the moment. */ readonly gateway: () => string;
    },
  ) {
    this.#count = count;
    this.#telegram = options.telegram;
    this.#gateway = options.gateway;
  }

  /** Holds all of them; each starts when `turnOf` lets it, and `ended` is told when it is over. */
  async hold(turnOf: (i: number) => Promise<void>, ended: () => void = () => undefined): Promise<void> {
    await Promise.all(
      Array.from({ length: this.#count }, async (_unused, i) => {
        await turnOf(i);
        await (i % 2 === 0 ? this.#inWebChat(i) : this.#inTelegram(i));
        ended();
      }),
    );
  }

  /** Nothing lost, nothing twice in WebChat, every doubtful send to Telegram on record. */
  async check(rows: readonly SeenRow[]): Promise<KillVerdict> {
    let doubledInTelegram = 0;
    for (let i = 1; i < this.#count; i += 2) {
      const heard = this.#heard(i);
      expect([...new Set(heard)]).toEqual(expected(i));
      // Each attempt after the first of a row that was in doubt may have been one too many; no other may.
      const inDoubt = rows.filter((row) => row.wasUnknown && row.key.includes(`:${FIRST_CHAT + i}:`));
      const mayDouble = inDoubt.reduce((sum, row) => sum + row.attempts - 1, 0);
      expect(heard.length - expected(i).length).toBeLessThanOrEqual(mayDouble);
      doubledInTelegram += heard.length - expected(i).length;
    }
    return { doubledInTelegram, recordedUnknown: rows.filter((row) => row.wasUnknown).length };
  }

  /** Every conversation's answers reached the webhook, once; returns how many requests were repetitions that it knew by their key. */
  checkHook({ taken, seen, refused }: WebhookReceiver): number {
    const wanted = new Set(Array.from({ length: this.#count }, (_unused, i) => `N${i} C${i}`));
    // By name, so that what came twice or unasked is told with the keys that it came under.
    const unasked = taken.filter(
      ({ payload }) => !wanted.delete(String((payload["data"] as { readonly text?: unknown }).text)),
    );
    expect({ unasked, missing: [...wanted] }).toEqual({ unasked: [], missing: [] });
    expect(refused()).toBe(0);
    return seen.length - taken.length;
  }

  /** Looks at what WebChat shows, while a gateway is there. */
  async checkWebChat(): Promise<void> {
    for (const [i, person] of this.#webchat.entries()) {
      if (person === undefined) continue;
      const all = await person.all();
      const isMine = (activity: { readonly from: { readonly id: string } }): boolean =>
        activity.from.id.startsWith("dl_");
      expect(all.filter(isMine).map((activity) => activity.text)).toEqual(said(i));
      expect(all.filter((activity) => !isMine(activity)).map((activity) => activity.text)).toEqual(expected(i));
    }
  }

  async #inWebChat(i: number): Promise<void> {
    const person = new DirectLineClient(this.#gateway);
    this.#webchat[i] = person;
    await person.open();
    for (const [n, text] of said(i).entries()) {
      await person.say(text);
      await person.until(n + 1, 300_000);
    }
  }

  async #inTelegram(i: number): Promise<void> {
    for (const [n, text] of said(i).entries()) {
      this.#telegram.say(text, { chat: FIRST_CHAT + i, user: FIRST_CHAT + i });
      await this.#telegram.until(() => this.#heard(i).includes(expected(i)[n] ?? ""));
    }
  }

  #heard(i: number): readonly string[] {
    // Sends only grow: each is filed under its chat once.
    for (; this.#filed < this.#telegram.sends.length; this.#filed++) {
      const { chatId, text } = this.#telegram.sends[this.#filed] ?? { chatId: "", text: "" };
      this.#byChat.set(chatId, [...(this.#byChat.get(chatId) ?? []), text]);
    }
    return this.#byChat.get(String(FIRST_CHAT + i)) ?? [];
  }
}
