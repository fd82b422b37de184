import type { Runtime } from "../src/runner/index.ts";
import { conversationOf } from "../src/session/index.ts";
import { conversationId, formatSessionKey, isJsonObject, userId } from "../src/types/index.ts";
import type { JsonValue } from "../src/types/index.ts";
import { channelId } from "../src/types/index.ts";
import { placeOf } from "./flows.ts";
import type { History, LogLine, Said } from "./history.ts";
import { textOf } from "./history.ts";
import type { Talk } from "./plan.ts";
import { receivedOf } from "./platforms.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimProcess } from "./sim-process.ts";
import type { Weather } from "./weather.ts";

const ANSWER_TIMEOUT_MS = 4_000;
const READ_EVERY_MS = 2_500;

export interface PersonsOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly history: History;
  readonly weather: Weather;
  /** The processes with a gateway. */
  readonly gateways: readonly SimProcess[];
}

/**
 * The people and their platforms on the way in: a message is delivered again until somebody answered with 2xx, and the next one follows
 * that answer. Pages read their conversation's log again and again.
 */
export class Persons {
  readonly #options: PersonsOptions;
  #open = 0;

  constructor(options: PersonsOptions) {
    this.#options = options;
  }

  /** Whether all that was to be said was taken. */
  get isDone(): boolean {
    return this.#open === 0;
  }

  begin(talk: Talk): void {
    const { scheduler } = this.#options;
    this.#open += talk.gapsMs.length;
    scheduler.after(talk.startMs, "", () => this.#say(talk, 0));
    if (talk.sink === "web") scheduler.after(talk.startMs + READ_EVERY_MS, "", () => this.#readAgain(talk));
  }

  #say(talk: Talk, index: number): void {
    if (index >= talk.gapsMs.length) return;
    const { history, scheduler } = this.#options;
    const id = `${talk.conversation}-${index}`;
    const said: Said = {
      // The turn of a request is a conversation of its own.
      talk: talk.kind === "request" ? { ...talk, conversation: id } : talk,
      index,
      id,
      text: `${talk.tenant}-${id}`,
      sentAtMs: scheduler.nowMs,
      ackedAtMs: undefined,
      answers: [],
    };
    history.said.push(said);
    this.#deliver(said, 1);
  }

  #deliver(said: Said, attempt: number): void {
    const { scheduler, random, gateways, weather } = this.#options;
    const gateway = random.pick(gateways);
    scheduler.note(`${said.text} goes to ${gateway.name}${attempt === 1 ? "" : `, attempt ${attempt}`}`);
    this.#request(gateway, said);
    if (weather.strikes("platform.redelivers")) this.#request(random.pick(gateways), said);
    const waitMs = Math.min(15_000, ANSWER_TIMEOUT_MS * (0.5 + random.fraction()) * attempt);
    scheduler.after(waitMs, "", () => {
      if (said.ackedAtMs === undefined) this.#deliver(said, attempt + 1);
    });
  }

  #request(gateway: SimProcess, said: Said): void {
    const { random } = this.#options;
    gateway.post(random.between(0.2, 3), "", () => {
      const { runtime } = gateway;
      if (runtime === undefined) return;
      const serve = said.talk.sink === "request" ? this.#ask(runtime, said) : this.#accept(runtime, said);
      serve.then(
        (answer) => {
          if (!gateway.reach("2xx.before")) this.#answered(gateway, said, answer);
        },
        // It answers with an error, and the platform delivers again when it likes.
        () => undefined,
      );
    });
  }

  async #accept(runtime: Runtime, said: Said): Promise<string | undefined> {
    const provider = runtime.channel(placeOf(said.talk), said.talk.sink);
    if (provider === undefined) throw new TypeError(`Accept: no channel ${said.talk.sink}`);
    await runtime.accept(provider, receivedOf(provider, said));
    return undefined;
  }

  async #ask(runtime: Runtime, said: Said): Promise<string | undefined> {
    const provider = runtime.channel(placeOf(said.talk), "request");
    if (provider === undefined) throw new TypeError("Ask: no channel");
    const report = await runtime.request(provider, receivedOf(provider, said), { timeoutMs: 20_000 });
    return JSON.stringify([report.status, report.output]);
  }

  #answered(gateway: SimProcess, said: Said, answer: string | undefined): void {
    const { scheduler, random, weather } = this.#options;
    const isLost = weather.strikes("platform.answer-lost");
    if (!isLost) scheduler.after(random.between(0.2, 3), "", () => this.#taken(said, answer));
    gateway.reach("2xx.after");
  }

  #taken(said: Said, answer: string | undefined): void {
    if (answer !== undefined) said.answers.push(answer);
    if (said.ackedAtMs !== undefined) return;
    const { scheduler } = this.#options;
    scheduler.note(`${said.text} is taken`);
    said.ackedAtMs = scheduler.nowMs;
    this.#open--;
    const { talk, index } = said;
    const whole = talk.kind === "request" ? { ...talk, conversation: talk.conversation.replace(/-\d+$/, "") } : talk;
    scheduler.after(talk.gapsMs[index] ?? 0, "", () => this.#say(whole, index + 1));
  }

  #readAgain(talk: Talk): void {
    const { scheduler, random, gateways } = this.#options;
    const gateway = random.pick(gateways);
    gateway.post(0, "", () => void this.read(gateway, talk).catch(() => undefined));
    if (!this.isDone) scheduler.after(READ_EVERY_MS, "", () => this.#readAgain(talk));
  }

  /** Reads a conversation's log through a gateway. */
  async read(gateway: SimProcess, talk: Talk): Promise<void> {
    const { runtime } = gateway;
    if (runtime === undefined) return;
    const key = formatSessionKey({
      ...placeOf(talk),
      channel: channelId(talk.sink),
      conversation: conversationId(talk.conversation),
      user: userId("u1"),
    });
    const entries = await runtime.store.readLog(conversationOf(key), { after: -1, limit: 1_000 });
    this.#options.history.readLog(
      talk,
      entries.map(({ index, activity }) => lineOf(index, activity)),
    );
  }
}

function lineOf(index: number, activity: JsonValue): LogLine {
  const { text, from } = isJsonObject(activity) ? activity : {};
  const role = from !== undefined && isJsonObject(from) ? textOf(from["role"]) : "";
  return { index, role, text: textOf(text) };
}
