/**
 * Lets a host run for an hour under everything at once, with faults on, and looks where its memory and descriptors go:
 * `npm run soak -- --minutes 60 [--rate TURNS_A_SECOND] [--store sqlite|redis] [--out FILE]`. Every answer is checked; FILE.json
 * and FILE.md get the samples and the verdict. The exit code is 1 where anything was lost, doubled or grew.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startOpenMeteoStandIn } from "../examples/weather-demo/open-meteo-stand-in.ts";
import { pause, seeded } from "../test/e2e/kill-harness.ts";
import { openTelegramStandIn } from "../test/stand-ins/telegram.ts";
import type { TelegramStandIn } from "../test/stand-ins/telegram.ts";
import { BOT_TOKEN, makeSoakBundle } from "./soak/bundle.ts";
import type { SoakBundle } from "./soak/bundle.ts";
import { dataDirs, startHosts } from "./soak/hosts.ts";
import type { StoreName } from "./soak/hosts.ts";
import { Ledger } from "./soak/ledger.ts";
import { People } from "./soak/people.ts";
import type { Scenario } from "./soak/people.ts";
import { courseRows, judgeProcesses, liveRows, verdictRows } from "./soak/verdict.ts";
import { tableMarkdown } from "./table.ts";
import type { Row } from "./table.ts";

/** About half of what one host takes on one processor beside its load. */
const DEFAULT_RATE = 300;
/** Far below the connections that a gateway takes of one address. */
const MAX_UNDER_WAY = 200;
const TICK_MS = 20;
const RENEW_MS = 60_000;
const TOLD_MS = 60_000;
/** Before that, a host is still filling what it keeps. */
const JUDGED_MINUTES = 20;
const FAULTS = ["429", "500", "reset-before", "reset-after", "reset-after", "hang"] as const;
const METEO = ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"];

interface Pace {
  readonly rate: number;
  readonly endMs: number;
  readonly scenarios: readonly Scenario[];
  readonly random: () => number;
  readonly ledger: Ledger;
}

/** Starts scenarios at a fixed pace, whatever becomes of those before; resolves when all have ended. */
async function keepPace({ rate, endMs, scenarios, random, ledger }: Pace): Promise<void> {
  const underWay = new Set<Promise<void>>();
  // A scenario's share is of turns: one of three turns is chosen a third as often.
  const weights = scenarios.map(({ share, turns }) => share / turns);
  const sum = weights.reduce((a, b) => a + b, 0);
  const choose = (): Scenario | undefined => {
    let at = random() * sum;
    return scenarios.find((_one, i) => (at -= weights[i] ?? 0) < 0) ?? scenarios[0];
  };
  let due = 0;
  let n = 0;
  let beforeMs = Date.now();
  while (Date.now() < endMs) {
    const nowMs = Date.now();
    due = Math.min(rate, due + ((nowMs - beforeMs) * rate) / 1_000);
    beforeMs = nowMs;
    while (due > 0) {
      const scenario = choose();
      if (scenario === undefined) break;
      due -= scenario.turns;
      if (underWay.size >= MAX_UNDER_WAY) {
        ledger.count("not started: too many under way");
        continue;
      }
      ledger.count(`started: ${scenario.name}`);
      const run = scenario.run(++n).catch((error: unknown) => {
        ledger.lost++;
        ledger.find(`${scenario.name}: failed: ${String(error)}`);
      });
      underWay.add(run);
      void run.finally(() => underWay.delete(run));
    }
    await pause(TICK_MS);
  }
  await Promise.all(underWay);
}

/** Renews the pack every minute. */
function renewPacks(bundle: SoakBundle, ledger: Ledger): NodeJS.Timeout {
  return setInterval(() => {
    bundle.renew().then(
      () => ledger.count("packs renewed"),
      (error: unknown) => ledger.find(`renew pack: failed: ${String(error)}`),
    );
  }, RENEW_MS);
}

/** Lets the platform misbehave now and then while new messages come: what is left afterwards would meet every fault alone. */
function disturbTelegram(
  telegram: TelegramStandIn,
  { random, ledger, endMs }: Pick<Pace, "random" | "ledger" | "endMs">,
): NodeJS.Timeout {
  return setInterval(() => {
    if (Date.now() > endMs) telegram.faults.length = 0;
    if (Date.now() > endMs || random() < 0.5 || telegram.faults.length > 0) return;
    const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? "500";
    // A send that never ends holds its claim for 45 seconds: one in a while.
    if (fault === "hang" && random() < 0.7) return;
    telegram.faults.push(fault);
    ledger.count(`telegram fault: ${fault}`);
  }, 1_000);
}

interface Setting {
  readonly minutes: number;
  readonly rate: number;
  readonly store: StoreName;
  readonly seed: number;
  readonly out: string | undefined;
}

async function soak({ minutes, rate, store, seed, out }: Setting): Promise<boolean> {
  const random = seeded(seed);
  const ledger = new Ledger();
  const telegram = await openTelegramStandIn({ token: BOT_TOKEN, isPaced: false });
  await using meteo = await startOpenMeteoStandIn();
  const bundle = await makeSoakBundle(dataDirs(store));
  const probeDir = mkdtempSync(join(tmpdir(), "greentic-probe-"));
  const rewrites = [...METEO.map((origin) => `${origin}=${meteo.url}`), `https://api.telegram.org=${telegram.url}`];
  const hosts = await startHosts(store, {
    bundle: bundle.dir,
    probeDir,
    // Once warm, well before the half that is looked at, and at its end.
    liveAtMs: [0.4, 0.98].map((share) => share * minutes * 60_000),
    env: { GREENTIC_HTTP_REWRITE: rewrites.join(",") },
  });
  const people = new People({ gateway: hosts.gateway, telegram, ledger, random });
  const startMs = Date.now();
  const endMs = startMs + minutes * 60_000;
  const timings: Row[] = [];
  const tell = (): void => {
    const minute = Math.round((Date.now() - startMs) / 60_000);
    const times = Object.entries(ledger.takeTimes()).map(([what, { p50, p99 }]) => [
      `${what} p50/p99 ms`,
      `${p50}/${p99}`,
    ]);
    const row = {
      minute,
      turns: ledger.turns,
      lost: ledger.lost,
      doubled: ledger.doubled,
      ...Object.fromEntries(times),
    };
    timings.push(row as Row);
    process.stderr.write(`${JSON.stringify(row)}\n`);
  };
  const timers = [
    renewPacks(bundle, ledger),
    disturbTelegram(telegram, { random, ledger, endMs }),
    setInterval(tell, TOLD_MS),
  ];
  await keepPace({ rate, endMs, scenarios: people.scenarios, random, ledger });
  timers.forEach(clearInterval);
  tell();
  await people.leave();
  // What is still unknown is resolved by policy after a while; then every row is at rest.
  await pause(15_000);
  const stoppingMs = Date.now();
  const codes = await hosts.stop();
  const stoppedMs = Date.now() - stoppingMs;
  const { rows, deadLetters } = await hosts.leavings();
  const unknown = rows.filter(({ wasUnknown }) => wasUnknown);
  const poisoned = ["poison", "poison webhook"].reduce(
    (sum, name) => sum + (ledger.counts.get(`started: ${name}`) ?? 0),
    0,
  );
  const dead = deadLetters.filter(({ stage, reason }) => stage === "ingress" && reason === "COMPONENT_FAILED").length;
  const { doubledOnRecord } = people.checkTelegram((chat) => rows.filter(({ key }) => key.includes(`:${chat}:`)));
  await telegram.close();

  const verdicts = judgeProcesses(probeDir, startMs + (endMs - startMs) / 2, endMs);
  const isGood =
    ledger.lost === 0 &&
    ledger.doubled === 0 &&
    dead === poisoned &&
    codes.every((code) => code === 0) &&
    verdicts.length > 0 &&
    (minutes < JUDGED_MINUTES || verdicts.every(({ isFlat }) => isFlat));
  const summary: Row[] = [
    { what: "turns answered", value: ledger.turns },
    { what: "lost", value: ledger.lost },
    { what: "doubled and not on record", value: ledger.doubled },
    { what: "doubled in Telegram, on record as unknown before", value: doubledOnRecord },
    { what: "sends on record as unknown", value: unknown.length },
    { what: "poisoned messages", value: poisoned },
    { what: "of them in the dead letters", value: dead },
    { what: "other dead letters", value: deadLetters.length - dead },
    { what: "exit codes", value: codes.join(" ") },
    { what: "SIGTERM to exit, ms", value: stoppedMs },
    ...[...ledger.counts].toSorted(([a], [b]) => a.localeCompare(b)).map(([what, value]) => ({ what, value })),
    ...verdicts.map(({ role, isFlat }) => ({
      what: `${role}: memory and descriptors`,
      value: minutes < JUDGED_MINUTES ? "not judged: too short" : isFlat ? "flat" : "grow",
    })),
    { what: "verdict", value: isGood ? "good" : "bad" },
  ];
  const tables = [
    tableMarkdown(`Soak: ${minutes} minutes at ${rate} turns a second, ${store}`, summary),
    tableMarkdown("Second half", verdictRows(verdicts)),
    tableMarkdown("What lives after a full collection", liveRows(verdicts)),
    ...verdicts.map((verdict) =>
      tableMarkdown(`Course: ${verdict.role}`, courseRows(verdict, Math.max(10_000, minutes * 2_000))),
    ),
    tableMarkdown("Answers", timings),
  ];
  console.log(tables.join("\n"));
  for (const finding of ledger.findings) console.log(`- ${finding}`);
  for (const line of hosts.said().slice(-20)) process.stderr.write(`${line}\n`);
  if (out !== undefined) {
    writeFileSync(`${out}.md`, tables.join("\n"));
    const json = {
      minutes,
      rate,
      store,
      seed,
      summary,
      findings: ledger.findings,
      verdicts,
      timings,
      said: hosts.said(),
    };
    writeFileSync(`${out}.json`, JSON.stringify(json, undefined, 1));
  }
  rmSync(probeDir, { recursive: true });
  rmSync(bundle.dir, { recursive: true, force: true });
  return isGood;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: String(DEFAULT_RATE) },
    store: { type: "string", default: "sqlite" },
    seed: { type: "string", default: "20261121" },
    out: { type: "string" },
  },
});
if (values.store !== "sqlite" && values.store !== "redis") throw new Error("expected --store sqlite or redis");
const isGood = await soak({
  minutes: Number(values.minutes),
  rate: Number(values.rate),
  store: values.store,
  seed: Number(values.seed),
  out: values.out,
});
process.exit(isGood ? 0 : 1);
