import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freePort } from "../stand-ins/server-program.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import type { TelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";
import { startCrashHost } from "./crash-host.ts";
import type { CrashHost, Passing } from "./crash-host.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import { expected, KILL_TOKEN, makeKillBundle, pause, said, seeded } from "./kill-harness.ts";
import type { SeenRow } from "./kill-harness.ts";
import { openSealTool } from "./seal-tool.ts";
import { ROOT } from "./shell.ts";

/** `full`: every passing of every point, and every pair of points; else a sample of this seed. */
const MODE = process.env["GREENTIC_CRASH_POINTS"] ?? "sample";
const SEED = Number(process.env["GREENTIC_CRASH_SEED"] ?? 20_261_124);
const SINGLES = Number(process.env["GREENTIC_CRASH_SINGLES"] ?? (MODE === "full" ? Infinity : 4));
const PAIRS = Number(process.env["GREENTIC_CRASH_PAIRS"] ?? (MODE === "full" ? Infinity : 2));
/** Where given, only passings of points whose names hold it, alone or first of two. */
const POINT = process.env["GREENTIC_CRASH_POINT"] ?? "";
/** A host that died this long ago at the latest has come by all points that its last turns lead to. */
const SETTLE_MS = 300;
/** How long an answer may take, deaths and starts included, before it counts as lost. */
const PATIENCE_MS = 60_000;
/** Points that a host comes by while it recovers: what is unread is leased there, else it comes with its lease. */
const RECOVERY = [
  "opening: before its flush",
  "opening: flushed",
  "lease: asked",
  "lease: before its flush",
  "lease: flushed",
  "lease: told",
];
/** What still moves in a conversation after its round does so in the next ones. */
const SETTLED_ROUNDS = 5;
const FIRST_CHAT = 1_000;
/** People in Telegram are others than those in WebChat. */
const FIRST_IN_TELEGRAM = 1_000_000;

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
    routing: [{ to: seal }]
  seal:
    tool.invoke: { tool: seal, input: { name: "{{ask.answers.name}}" } }
    routing: [{ to: note }]
  note:
    state.set: { key: "last", value: "{{seal.result.sealed}} {{ask.answers.colour}}" }
    routing: [{ to: done }]
  done:
    message.send: { text: "Noted {{seal.result.sealed}} {{ask.answers.colour}}." }
    routing: out
`;
const TOOL_MAP = {
  tools: [
    {
      name: "seal",
      http: { method: "POST", url: "https://tool.example.com/seal/{name}" },
      timeout_ms: 5_000,
      max_retries: 0,
    },
  ],
};

/** People who talk while a host dies: one in WebChat a round, three turns long, and three in Telegram, a turn a round each. */
class Rounds {
  readonly #host: CrashHost;
  readonly #telegram: TelegramStandIn;
  readonly #people: DirectLineClient[] = [];
  /** Where the host died in each round, for the one that goes wrong. */
  readonly #deaths: string[] = [];
  #checked = 0;

  constructor(host: CrashHost, telegram: TelegramStandIn) {
    this.#host = host;
    this.#telegram = telegram;
  }

  /** How many have begun in each channel. */
  get count(): number {
    return this.#people.length;
  }

  /** A chat may be written to once a second: the turns of one Telegram conversation are those of three rounds. */
  async hold(passings: readonly Passing[] = []): Promise<void> {
    const i = this.#people.length;
    this.#deaths.push(passings.map(({ point, nth }) => `${point} (${nth})`).join(", then "));
    const person = new DirectLineClient(() => this.#host.url);
    this.#people.push(person);
    const inTelegram = said(0).map((_text, turn) => this.#inTelegram(i - turn, turn));
    await Promise.all([this.#inWebChat(person, i), ...inTelegram]);
  }

  /** Ends the conversations in Telegram that are under way. */
  async finish(): Promise<void> {
    const last = this.#people.length;
    for (const [chat, from] of [
      [last - 1, 1],
      [last - 2, 2],
    ] as const)
      for (let turn = from; turn < said(0).length; turn++) await this.#inTelegram(chat, turn);
  }

  /** Nothing is lost or said twice where a conversation has a log. Looks at those that are over for `rounds`: tokens expire. */
  async checkWebChat(rounds = 0): Promise<void> {
    for (; this.#checked < this.#people.length - rounds; this.#checked++) {
      const [person, i] = [this.#people[this.#checked], this.#checked];
      const all = (await person?.all()) ?? [];
      const isMine = (activity: { readonly from: { readonly id: string } }): boolean =>
        activity.from.id.startsWith("dl_");
      const texts = (mine: boolean): readonly (string | undefined)[] =>
        all.filter((activity) => isMine(activity) === mine).map(({ text }) => text);
      expect(texts(true), this.#deaths[i]).toEqual(said(i));
      expect(texts(false), this.#deaths[i]).toEqual(expected(i));
    }
  }

  /** Nothing is lost, and nothing is said twice but what was on record as unknown. Returns how much was. */
  checkTelegram(rows: readonly SeenRow[]): number {
    let doubled = 0;
    for (let i = 0; i < this.#people.length; i++) {
      const heard = this.#heard(i);
      // A turn of it in each of three rounds.
      const deaths = this.#deaths.slice(i, i + said(i).length).join("; ");
      expect([...new Set(heard)], deaths).toEqual(expected(FIRST_IN_TELEGRAM + i));
      const inDoubt = rows.filter(({ wasUnknown, key }) => wasUnknown && key.includes(`:${FIRST_CHAT + i}:`));
      const mayDouble = inDoubt.reduce((sum, { attempts }) => sum + attempts - 1, 0);
      expect(heard.length - expected(i).length, deaths).toBeLessThanOrEqual(mayDouble);
      doubled += heard.length - expected(i).length;
    }
    return doubled;
  }

  async #inWebChat(person: DirectLineClient, i: number): Promise<void> {
    await person.open();
    for (const [n, text] of said(i).entries()) {
      await person.say(text);
      await person.until(n + 1, PATIENCE_MS);
    }
  }

  async #inTelegram(i: number, turn: number): Promise<void> {
    if (i < 0) return;
    const who = FIRST_IN_TELEGRAM + i;
    this.#telegram.say(said(who)[turn] ?? "", { chat: FIRST_CHAT + i, user: FIRST_CHAT + i });
    const answer = expected(who)[turn] ?? "";
    const { promise: late, reject } = Promise.withResolvers<never>();
    const died = this.#deaths.slice(i, i + turn + 1).join("; ");
    const timer = setTimeout(() => reject(new Error(`waited for ${answer}: ${died}`)), PATIENCE_MS);
    await Promise.race([late, this.#telegram.until(() => this.#heard(i).includes(answer))]);
    clearTimeout(timer);
  }

  #heard(i: number): readonly string[] {
    return this.#telegram.sends.filter(({ chatId }) => chatId === String(FIRST_CHAT + i)).map(({ text }) => text);
  }
}

/** The n-th passings of a trace, in its order. */
function passingsOf(trace: readonly string[]): readonly Passing[] {
  const counts = new Map<string, number>();
  return trace.map((point) => {
    const nth = (counts.get(point) ?? 0) + 1;
    counts.set(point, nth);
    return { point, nth };
  });
}

/** As many of a list as are wanted, by chance, in the list's order. */
function sampleOf<T>(all: readonly T[], count: number, random: () => number): readonly T[] {
  if (count >= all.length) return all;
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * all.length));
  return all.filter((_one, i) => chosen.has(i));
}

test(
  `a host that dies at ${MODE === "full" ? "every point" : "points"} of its turns and sends, and again while it recovers, loses nothing and doubles nothing that isn't on record`,
  { timeout: 24 * 3_600_000 },
  async () => {
    verifies("session.crash-points");
    const telegram = await openTelegramStandIn({ token: KILL_TOKEN, isPaced: false });
    await using tool = await openSealTool();
    const bundle = await makeKillBundle(["data"], {
      flow: FLOW,
      toolMap: TOOL_MAP,
      settings: "component_processes = 1\n",
    });
    await using host = await startCrashHost({
      bundle,
      port: await freePort(),
      env: {
        GREENTIC_HTTP_REWRITE: `https://api.telegram.org=${telegram.url},https://tool.example.com=${tool.url}`,
        GREENTIC_LOG_LEVEL: "error",
      },
    });
    const rounds = new Rounds(host, telegram);
    const random = seeded(SEED);
    for (let i = 0; i < said(0).length; i++) await rounds.hold();
    const trace = passingsOf(
      await host.trace(async () => {
        await rounds.hold();
        await pause(SETTLE_MS);
      }),
    );
    const points = [...new Set([...trace.map(({ point }) => point), ...RECOVERY])];
    const chosen = trace.filter(({ point }) => point.includes(POINT));
    const firsts = chosen.filter(({ nth }) => nth === 1);
    const singles = sampleOf(chosen, SINGLES, random).map((passing) => [passing]);
    const pairs = sampleOf(
      firsts.flatMap((first) => points.map((point) => [first, { point, nth: 1 }])),
      PAIRS,
      random,
    );
    let unreached = 0;
    const startedMs = Date.now();
    for (const [n, passings] of [...singles, ...pairs].entries()) {
      host.arm(passings);
      await rounds.hold(passings);
      await Promise.race([host.spent(), pause(SETTLE_MS)]);
      unreached += await host.disarm();
      await rounds.checkWebChat(SETTLED_ROUNDS);
      if (n % 50 === 49)
        process.stderr.write(
          `${n + 1} cases in ${Math.round((Date.now() - startedMs) / 1_000)} s, ${host.deaths} deaths\n`,
        );
    }
    await rounds.finish();
    await rounds.checkWebChat();
    expect(host.otherEnds).toEqual([]);
    // Each sealed once as its keeper sees it: whatever came again came under the same key.
    const keys = [...tool.calls.values()];
    expect(keys.filter((calls) => new Set(calls).size !== 1)).toEqual([]);

    // What is still unknown is resolved by policy after a while; then every row is at rest.
    await pause(2_000);
    expect(await host.stop()).toBe(0);
    const list = await promisify(execFile)(
      process.execPath,
      [join(ROOT, "src/cli/main.ts"), "outbox", "list", "--json", "--limit", "1000000", "--data", join(bundle, "data")],
      { cwd: bundle, maxBuffer: 1 << 28 },
    );
    const rows = JSON.parse(list.stdout) as SeenRow[];
    const doubled = rounds.checkTelegram(rows);
    await telegram.close();
    const asked = singles.length + pairs.length * 2;
    process.stderr.write(
      `${points.length} points, ${trace.length} passings a round: died at ${singles.length} passings and ${pairs.length} of ${firsts.length * points.length} pairs, ${host.deaths} deaths, ${unreached} of ${asked} points not reached; ` +
        `conversations ${rounds.count * 2}, lost 0, doubled in WebChat 0, doubled in Telegram ${doubled}, recorded as unknown ${rows.filter(({ wasUnknown }) => wasUnknown).length}, ` +
        `calls of the tool ${keys.flat().length} for ${keys.length} turns\n`,
    );
    if (MODE === "full") process.stderr.write(`${points.join("\n")}\n`);
  },
);
