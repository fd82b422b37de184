// What a runner does while its platform fails, its process is killed and activities come again. A runner that says
// "supports": ["platform"] posts what a person is to get, one message at a time, to GREENTIC_CONFORMANCE_PLATFORM:
//   POST <url>, webhook-id or idempotency-key: the message's name, the same in every attempt; 2xx is taken
// It ends once all is taken. An activity whose id came before in its session is the same activity.
import { JudgePlatform } from "./judge-platform.ts";
import type { PlatformAnswer, SeenRequest } from "./judge-platform.ts";
import type { CaseSpec, Verdict } from "./report.ts";
import { fail, failIfAny, PASS, skip } from "./report.ts";
import type { RunnerRun } from "./run-runner.ts";
import { problemOf } from "./runner-contract.ts";

/** How a case asks the runner. */
interface PlatformAsk {
  readonly session: string;
  readonly platform: string;
  readonly timeoutMs: number;
  readonly kill?: AbortSignal;
}

type Ask = (activity: 0 | 1, options: PlatformAsk) => Promise<RunnerRun>;

/** What waiting for a platform may take, with an attempt that follows. */
const PATIENCE_MS = 60_000;
const RETRY_AFTER_S = 2;
const SLOW_MS = 3_000;
/** Clocks of two processes. */
const SLACK_MS = 100;
const TAKEN: PlatformAnswer = { status: 200, body: { ok: true } };

const CASES = {
  delivers: ["runner.platform.delivers", "What it says reaches the platform, each message under a name of its own"],
  failing: ["runner.platform.failing", "A message that a failing platform didn't take comes again under its name"],
  limited: ["runner.platform.limited", "A platform that asks for a while gets it, and the message then"],
  slow: ["runner.platform.slow", "A message isn't sent again while the platform is slow"],
  doubtful: ["runner.platform.doubtful", "A message whose answer is lost comes again under no other name"],
  redelivered: ["runner.redelivered", "An activity that is delivered again changes nothing"],
  working: ["runner.killed.working", "Killed while it works, it goes on with the activity that comes again"],
  sending: ["runner.killed.sending", "Killed while it sends, it sends the rest, and nothing under another name"],
  sent: ["runner.killed.sent", "Killed once the platform took a message, it sends the rest"],
} as const;

/** The cases of a runner's platform, its end and its beginning again; skipped where it doesn't say that it has such a platform. */
export async function* platformCases(ask: Ask, isSupported: boolean): AsyncGenerator<CaseSpec> {
  if (!isSupported) {
    const reason = 'the runner doesn\'t say "supports": ["platform"], so nothing fails for it';
    for (const [id, title] of Object.values(CASES)) yield { id, title, judge: () => skip(reason) };
    return;
  }
  await using platform = await JudgePlatform.open();
  const bench = new Bench(platform, ask);
  const normal: { came?: Came } = {};
  yield spec(CASES.delivers, async () => {
    normal.came = await bench.conversation("normal");
    return deliveryVerdict(normal.came);
  });
  const { came } = normal;
  if (came === undefined || deliveryVerdict(came).status !== "pass") {
    const [, ...left] = Object.values(CASES);
    for (const [id, title] of left) yield { id, title, judge: () => skip("what it says doesn't reach the platform") };
    return;
  }
  const asUsual = (other: Came, more: (firsts: readonly Taken[]) => string | undefined = () => undefined): Verdict =>
    failIfAny([...differences(came, other), more(other.seen) ?? []].flat());
  yield spec(CASES.failing, async () =>
    asUsual(await bench.conversation("failing", { first: () => ({ status: 500 }) })),
  );
  yield spec(CASES.limited, async () => {
    const first = (): PlatformAnswer => ({ status: 429, headers: { "retry-after": String(RETRY_AFTER_S) } });
    return asUsual(await bench.conversation("limited", { first }), ([refused, next]) => {
      const waitedMs = (next?.atMs ?? Infinity) - (refused?.atMs ?? 0);
      return waitedMs < RETRY_AFTER_S * 1_000 - SLACK_MS
        ? `asked for ${RETRY_AFTER_S} s, it came again after ${Math.round(waitedMs)} ms`
        : undefined;
    });
  });
  yield spec(CASES.slow, async () => {
    const first = (): Promise<PlatformAnswer> => new Promise((done) => void setTimeout(() => done(TAKEN), SLOW_MS));
    return asUsual(await bench.conversation("slow", { first }), (seen) => {
      const times = seen.filter(({ name }) => name === seen[0]?.name).length;
      return times > 1 ? `it was sent ${times} times, though the platform only was slow` : undefined;
    });
  });
  yield spec(CASES.doubtful, async () => asUsual(await bench.conversation("doubtful", { first: () => "break-off" })));
  yield spec(CASES.redelivered, async () => asUsual(await bench.conversation("redelivered", { before: "delivered" })));
  yield spec(CASES.working, async () =>
    asUsual(await bench.conversation("working", { before: { killedAfterMs: came.durationMs / 2 } })),
  );
  yield spec(CASES.sending, async () => asUsual(await bench.conversation("sending", { before: "killed-sending" })));
  yield spec(CASES.sent, async () => asUsual(await bench.conversation("sent", { before: "killed-sent" })));
}

function spec([id, title]: readonly [string, string], judge: CaseSpec["judge"]): CaseSpec {
  return { id, title, judge };
}

/** A request with the message's name. */
interface Taken extends SeenRequest {
  readonly name: string | undefined;
}

/** What came of a conversation of two activities. */
interface Came {
  /** Why a run didn't end well. */
  readonly problems: readonly string[];
  readonly seen: readonly Taken[];
  /** Names that were taken, by activity. */
  readonly taken: readonly [ReadonlySet<string | undefined>, ReadonlySet<string | undefined>];
  /** Of the first run. */
  readonly durationMs: number;
}

/** What happens to the first activity before it is delivered and answered as usual. */
type Before = "delivered" | "killed-sending" | "killed-sent" | { readonly killedAfterMs: number };

interface Fate {
  /** What the first request is answered. */
  readonly first?: () => PlatformAnswer | Promise<PlatformAnswer>;
  readonly before?: Before;
}

/** Holds conversations with a runner over one platform, each in a session of its own. */
class Bench {
  readonly #platform: JudgePlatform;
  readonly #ask: Ask;

  constructor(platform: JudgePlatform, ask: Ask) {
    this.#platform = platform;
    this.#ask = ask;
  }

  async conversation(session: string, { first, before }: Fate = {}): Promise<Came> {
    const platform = this.#platform;
    const from = platform.seen.length;
    const taken = [new Set<string | undefined>(), new Set<string | undefined>()] as const;
    const problems: string[] = [];
    let activity: 0 | 1 = 0;
    let next = first;
    platform.answer = async (request) => {
      const decide = next;
      next = undefined;
      const answer = (await decide?.()) ?? TAKEN;
      // A platform that breaks off has taken the message all the same.
      if (answer === "break-off" || answer.status < 300) taken[activity].add(nameOf(request));
      return answer;
    };
    const run = async (kill?: AbortSignal): Promise<RunnerRun> =>
      this.#ask(activity, {
        session: `conformance-${session}`,
        platform: platform.url.href,
        timeoutMs: PATIENCE_MS,
        ...(kill && { kill }),
      });
    if (before === "delivered") problems.push(...problemsOf(await run()));
    else if (before !== undefined) await killed(before, { run, onFirst: (decide) => void (next = decide) });
    const startMs = performance.now();
    problems.push(...problemsOf(await run()));
    const durationMs = performance.now() - startMs;
    activity = 1;
    problems.push(...problemsOf(await run()));
    const seen = platform.seen.slice(from).map((request) => ({ ...request, name: nameOf(request) }));
    return { problems, seen, taken, durationMs };
  }
}

/** Runs it until the moment at which it is killed. */
async function killed(
  before: Exclude<Before, "delivered">,
  {
    run,
    onFirst,
  }: {
    readonly run: (kill: AbortSignal) => Promise<RunnerRun>;
    readonly onFirst: (decide: NonNullable<Fate["first"]>) => void;
  },
): Promise<void> {
  const kill = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  if (before === "killed-sending")
    onFirst(() => {
      kill.abort();
      return { status: 500 };
    });
  else if (before === "killed-sent")
    onFirst(() => {
      // The answer is on its way, or arrives: both may be.
      setImmediate(() => kill.abort());
      return TAKEN;
    });
  else timer = setTimeout(() => kill.abort(), before.killedAfterMs);
  await run(kill.signal);
  clearTimeout(timer);
}

function problemsOf(run: RunnerRun): readonly string[] {
  const problem = problemOf(run, PATIENCE_MS);
  return problem === undefined ? [] : [problem];
}

function nameOf({ headers }: SeenRequest): string | undefined {
  const name = headers["webhook-id"] ?? headers["idempotency-key"];
  return typeof name === "string" && name !== "" ? name : undefined;
}

function deliveryVerdict({ problems, seen, taken }: Came): Verdict {
  if (problems.length > 0) return failIfAny(problems);
  if (taken[0].size === 0) return fail("the first activity was answered, and nothing reached the platform");
  if (seen.some(({ name }) => name === undefined)) return fail("a message has neither webhook-id nor idempotency-key");
  return new Set(seen.map(({ name }) => name)).size === seen.length ? PASS : fail("two messages go under one name");
}

/** How a conversation in which something went wrong differs from one in which nothing did. */
function differences(usual: Came, other: Came): readonly string[] {
  const names = new Set(other.seen.map(({ name }) => name));
  const taken = new Set([...other.taken[0], ...other.taken[1]]);
  const wanted = usual.taken[0].size + usual.taken[1].size;
  const lost = [...names].filter((name) => !taken.has(name)).length;
  return [
    ...other.problems,
    ...(lost > 0 ? [`${lost} messages were refused and never came again`] : []),
    ...(taken.size < wanted ? [`${taken.size} of ${wanted} messages arrived`] : []),
    ...(names.size > wanted ? [`${names.size} messages came, and ${wanted} were to be said`] : []),
  ];
}
