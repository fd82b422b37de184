/** Everything that people and platforms do to a host under soak; each scenario checks every answer that it gets. */
import type { SeenRow } from "../../test/e2e/kill-harness.ts";
import type { TelegramStandIn } from "../../test/stand-ins/telegram.ts";
import { SECRET_TOKEN } from "./bundle.ts";
import type { Ledger } from "./ledger.ts";
import { WebChatPerson } from "./web-chat.ts";

/** One thing that somebody does. */
export interface Scenario {
  readonly name: string;
  /** Its share of the turns. */
  readonly share: number;
  /** Turns of one run. */
  readonly turns: number;
  run(n: number): Promise<void>;
}

export interface PeopleOptions {
  readonly gateway: string;
  readonly telegram: TelegramStandIn;
  readonly ledger: Ledger;
  readonly random: () => number;
}

const PATIENCE_MS = 180_000;
/** Rounds of one WebChat conversation. */
const ROUNDS = 20;
/** An apology's place in what people expect. */
const APOLOGY = "Sorry, something went wrong. Please try again later.";
const FIRST_POLLED_CHAT = 1_000_000;
const FIRST_TOLD_CHAT = 500_000_000;
const CITIES = ["Jakarta", "Tokyo", "Madrid", "London", "Berlin", "Paris"];
const questions = (n: number): readonly (readonly [said: string, heard: string])[] => [
  ["hello", "Which name?"],
  [`N${n}`, "Which colour?"],
  [`C${n}`, `Noted N${n} C${n}.`],
];

export class People {
  readonly scenarios: readonly Scenario[];
  readonly #options: PeopleOptions;
  readonly #idle: WebChatPerson[] = [];
  readonly #byChat = new Map<string, string[]>();
  #filed = 0;
  #updates = 1_000_000_000;

  constructor(options: PeopleOptions) {
    this.#options = options;
    const inChat = (name: string, share: number, line: (n: number) => readonly [string, string]): Scenario => ({
      name,
      share,
      turns: 1,
      run: (n) => this.#round((person) => person.say(line(n)[0], [line(n)[1]])),
    });
    this.scenarios = [
      { name: "webchat", share: 0.31, turns: 3, run: (n) => this.#talk(n) },
      { name: "webhook turn", share: 0.2, turns: 1, run: (n) => this.#turn(n) },
      { name: "webhook conversation", share: 0.2, turns: 3, run: (n) => this.#converse(n) },
      { name: "telegram polled", share: 0.1, turns: 3, run: (n) => this.#inTelegram(FIRST_POLLED_CHAT + n) },
      { name: "telegram told", share: 0.1, turns: 3, run: (n) => this.#inTelegram(FIRST_TOLD_CHAT + n) },
      { name: "forecast", share: 0.02, turns: 1, run: (n) => this.#forecast(n) },
      { name: "abandoned", share: 0.005, turns: 1, run: (n) => this.#abandon(n) },
      { name: "poison webhook", share: 0.005, turns: 1, run: (n) => this.#poison(n) },
      inChat("echo", 0.02, (n) => [`/echo E${n}`, `Echo E${n}.`]),
      inChat("poison", 0.005, () => ["/poison", APOLOGY]),
      inChat("trap", 0.01, (n) => [`/trap T${n}`, `Trapped T${n}.`]),
      inChat("limit", 0.001, (n) => [`/limit L${n}`, `Limited L${n}.`]),
      inChat("later", 0.02, (n) => [`/later D${n}`, `Later D${n}.`]),
      inChat("expires", 0.01, (n) => [`/hurry H${n}`, `Too late H${n}.`]),
    ];
  }

  /** Closes every conversation that is left and compares all of it. */
  async leave(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((person) => person.leave()));
  }

  /** Compares what each chat heard with what it should have; `rowsOf` gives a chat's rows of the outbox. */
  checkTelegram(rowsOf: (chat: string) => readonly SeenRow[]): { readonly doubledOnRecord: number } {
    this.#file();
    let doubledOnRecord = 0;
    for (const [chat, heard] of this.#byChat) {
      const expected = questions(Number(chat)).map(([, text]) => text);
      if (heard.length === expected.length && heard.every((text, i) => text === expected[i])) continue;
      const rows = rowsOf(chat);
      // Each attempt after the first of a row that was in doubt may have been one too many; no other may.
      const inDoubt = rows.filter(({ wasUnknown }) => wasUnknown);
      const mayDouble = inDoubt.reduce((sum, { attempts }) => sum + attempts - 1, 0);
      const once = [...new Set(heard)];
      const extra = heard.length - once.length;
      doubledOnRecord += Math.min(extra, mayDouble);
      this.#options.ledger.compare(
        `telegram heard (${JSON.stringify(rows)})`,
        extra <= mayDouble ? once : heard,
        expected,
      );
    }
    return { doubledOnRecord };
  }

  async #round(hold: (person: WebChatPerson) => Promise<void>): Promise<void> {
    const person = this.#idle.pop() ?? (await this.#newcomer());
    if (this.#options.random() < 0.3) await person.toggleStream();
    await hold(person);
    if (++person.rounds < ROUNDS) this.#idle.push(person);
    else await person.leave();
  }

  async #newcomer(): Promise<WebChatPerson> {
    const person = new WebChatPerson(this.#options.gateway, this.#options);
    await person.open();
    return person;
  }

  #talk(n: number): Promise<void> {
    return this.#round(async (person) => {
      for (const [said, heard] of questions(n)) await person.say(said, [heard]);
    });
  }

  async #turn(n: number): Promise<void> {
    const text = await this.#webhook("turn", `t${n}`, { session: `t${n}`, text: `Ana ${n}` });
    this.#expect("webhook turn", text, `Hello Ana ${n}, welcome back.`);
    // A platform that didn't hear the answer comes again, and gets the same.
    if (this.#options.random() < 0.1) {
      const again = await this.#webhook("turn", `t${n}`, { session: `t${n}`, text: `Ana ${n}` });
      this.#expect("webhook turn again", again, `Hello Ana ${n}, welcome back.`);
    }
  }

  async #converse(n: number): Promise<void> {
    for (const [i, [said, heard]] of questions(n).entries()) {
      const call = { session: `c${n}`, text: said };
      if (this.#options.random() < 0.03) {
        this.#options.ledger.count("broken off");
        const signal = AbortSignal.timeout(1 + Math.floor(this.#options.random() * 8));
        await this.#webhook("converse", `c${n}-${i}`, call, signal).catch(() => undefined);
      }
      this.#expect("webhook conversation", await this.#webhook("converse", `c${n}-${i}`, call), heard);
    }
  }

  async #forecast(n: number): Promise<void> {
    const city = CITIES[n % CITIES.length] ?? "";
    const text = await this.#webhook("forecast", `f${n}`, { session: `f${n}`, text: city });
    // On a machine that is short of processors a call may run out of its time; the flow says so, which is an answer too.
    const [, code] = /^No forecast: (\w+)/.exec(text) ?? [];
    if (code === undefined) this.#expect("forecast", text, city);
    else this.#options.ledger.count(`failed openly: forecast, ${code}`);
  }

  /** Asks and is never heard of again: the session expires, and what it pinned with it. */
  async #abandon(n: number): Promise<void> {
    this.#expect(
      "abandoned",
      await this.#webhook("converse", `a${n}`, { session: `a${n}`, text: "hello" }),
      "Which name?",
    );
  }

  async #poison(n: number): Promise<void> {
    this.#expect("poison", await this.#webhook("poison", `p${n}`, { session: `p${n}`, text: "x" }), "COMPONENT_FAILED");
  }

  async #inTelegram(chat: number): Promise<void> {
    const { telegram, ledger } = this.#options;
    const lines = questions(chat);
    this.#byChat.set(String(chat), []);
    for (const [said, heard] of lines) {
      const startedMs = performance.now();
      if (chat >= FIRST_TOLD_CHAT) await this.#tell(chat, said);
      else telegram.say(said, { chat, user: chat });
      const late = new Promise<void>((_done, fail) => {
        setTimeout(() => fail(new Error(`${heard} didn't come`)), PATIENCE_MS).unref();
      });
      const came = telegram.until(() => this.#heardIn(chat).includes(heard));
      await Promise.race([came, late]);
      ledger.took("telegram", performance.now() - startedMs);
    }
  }

  /** Telegram's own delivery: signed, and repeated until it is acknowledged, at times even then. */
  async #tell(chat: number, text: string): Promise<void> {
    const { gateway, random, ledger } = this.#options;
    const update = {
      update_id: this.#updates++,
      message: {
        message_id: this.#updates,
        date: 1,
        chat: { id: chat, type: "private" },
        from: { id: chat, is_bot: false, first_name: "Ada", language_code: "en" },
        text,
      },
    };
    const post = (): Promise<Response> =>
      fetch(`${gateway}/v1/messaging/ingress/told/demo`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET_TOKEN },
        body: JSON.stringify(update),
        signal: AbortSignal.timeout(20_000),
      });
    const repeats = random() < 0.05 ? 2 : 1;
    for (let acknowledged = 0; acknowledged < repeats;) {
      try {
        const response = await post();
        await response.text();
        if (response.ok) acknowledged++;
        else ledger.count(`told to come again (${response.status})`);
        if (response.ok) continue;
      } catch {
        ledger.count("connection failed");
      }
      await new Promise((later) => setTimeout(later, 250));
    }
  }

  /** Posts a signed-by-name webhook until it is answered, and gives the answer's text. */
  async #webhook(
    flow: string,
    id: string,
    { session, text }: { readonly session: string; readonly text: string },
    signal?: AbortSignal,
  ): Promise<string> {
    const { gateway, ledger } = this.#options;
    const startedMs = performance.now();
    const endMs = startedMs + PATIENCE_MS;
    for (;;) {
      try {
        const response = await fetch(`${gateway}/v1/webhook/demo/${flow}?session=${session}`, {
          method: "POST",
          headers: { "content-type": "application/json", "webhook-id": id },
          body: JSON.stringify({ text }),
          signal: signal ?? AbortSignal.timeout(40_000),
        });
        const body = await response.text();
        if (![429, 503, 504].includes(response.status)) {
          ledger.took("webhook", performance.now() - startedMs);
          return body;
        }
        ledger.count(`told to come again (${response.status})`);
      } catch (error) {
        if (signal !== undefined || performance.now() > endMs) throw error;
        ledger.count("connection failed");
      }
      await new Promise((later) => setTimeout(later, 250));
    }
  }

  #expect(where: string, body: string, text: string): void {
    if (body.includes(text)) return;
    this.#options.ledger.lost++;
    this.#options.ledger.find(`${where}: wrong: ${body.slice(0, 300)} for ${text}`);
  }

  #file(): void {
    const { sends } = this.#options.telegram;
    // Sends only grow: each is filed under its chat once.
    for (; this.#filed < sends.length; this.#filed++) {
      const { chatId = "", text = "" } = sends[this.#filed] ?? {};
      this.#byChat.get(chatId)?.push(text);
    }
  }

  #heardIn(chat: number): readonly string[] {
    this.#file();
    return this.#byChat.get(String(chat)) ?? [];
  }
}
