import type { Delivered, Effect, History, Said } from "./history.ts";
import type { Plan, Talk } from "./plan.ts";

/**
 * Judges a run by what went in and what came out, and by nothing inside: lost, duplicated, reordered, stale, crossed, an effect under a
 * second key. @see turns.md, "Invariants"
 */
export function check(history: History, plan: Pick<Plan, "talks" | "unknownSends">): readonly string[] {
  const violations = history.contradictions.map((what) => `changed: ${what}`);
  for (const letter of history.deadLetters) violations.push(`given up: ${letter}`);
  checkTenants(history, violations);
  checkEffects(history, violations);
  for (const talk of plan.talks) {
    const told = (problem: string): void => {
      violations.push(`${talk.tenant} ${talk.conversation} (${talk.kind} on ${talk.sink}): ${problem}`);
    };
    const said = history.said.filter(
      ({ talk: other, id }) => other.tenant === talk.tenant && id.startsWith(`${talk.conversation}-`),
    );
    for (const { text, ackedAtMs } of said) if (ackedAtMs === undefined) told(`never taken: ${text}`);
    if (talk.kind === "request") checkAnswers(said, told);
    else {
      const replies =
        talk.sink === "web" ? checkLog(history, { talk, said, told }) : checkSink(history, { talk, plan, told });
      const givenUp = history.abandoned.filter(({ tenant }) => tenant === talk.tenant).map(({ text }) => text);
      checkReplies(replies, { talk, said, givenUp: new Set(talk.sink === "opaque" ? givenUp : []), told });
    }
    if (talk.kind === "clock") checkTicks(history, { talk, told });
    if (talk.kind === "order") checkEvents(history, { talk, said, told });
  }
  return violations;
}

type Tell = (problem: string) => void;

function checkTenants(history: History, violations: string[]): void {
  for (const { tenant, conversation, text } of history.delivered) {
    if (!text.startsWith(`${tenant}|`)) violations.push(`crossed: ${tenant} ${conversation} got ${text}`);
  }
  for (const [name, lines] of history.logs) {
    const [tenant = ""] = name.split(" ");
    for (const { text } of lines.values()) {
      if (!text.startsWith(tenant)) violations.push(`crossed: the log of ${name} says ${text}`);
    }
  }
  for (const { tenant, text } of history.effects) {
    if (!text.includes(` ${tenant}-`)) violations.push(`crossed: ${tenant} acted on ${text}`);
  }
}

/** An effect may happen again after a crash, and then under the key and with the input that it had. */
function checkEffects(history: History, violations: string[]): void {
  const first = new Map<string, (typeof history.effects)[number]>();
  for (const effect of history.effects) {
    const before = first.get(effect.text);
    if (before === undefined) first.set(effect.text, effect);
    else if (before.key !== effect.key) {
      const inputs =
        before.input === effect.input ? "" : `, first after "${before.input}", then after "${effect.input}"`;
      violations.push(`effect under two keys: ${effect.text}${inputs}`);
    }
    checkRecorded(history, effect, violations);
  }
}

/** The second effect of a turn starts when the first is on record: a process that was born behind it must find that. */
function checkRecorded(history: History, effect: Effect, violations: string[]): void {
  const [operation, text] = effect.text.split(" ", 2);
  if (operation !== "work") return;
  const next = history.effects.find((other) => other.text === `note ${text ?? ""}`);
  if (next !== undefined && effect.bornAtMs > next.atMs)
    violations.push(`effect again though it was on record: ${effect.text}`);
}

function checkAnswers(said: readonly Said[], told: Tell): void {
  for (const { text, answers, talk } of said) {
    const expected = `${talk.tenant}|${text}|request`;
    for (const answer of answers) {
      if (!answer.includes(expected)) told(`wrong answer to ${text}: ${answer}`);
      else if (answer !== answers[0]) told(`two answers to ${text}: ${String(answers[0])} and ${answer}`);
    }
  }
}

function checkLog(
  history: History,
  { talk, said, told }: { readonly talk: Talk; readonly said: readonly Said[]; readonly told: Tell },
): readonly string[] {
  const lines = [...(history.logs.get(`${talk.tenant} ${talk.conversation}`)?.values() ?? [])];
  lines.sort((a, b) => a.index - b.index);
  lines.forEach(({ index }, at) => {
    if (index !== at) told(`the log has a gap before entry ${index}`);
  });
  const posts = lines.filter(({ role }) => role === "user").map(({ text }) => text);
  const expected = said.map(({ text }) => text);
  if (posts.join() !== expected.join()) told(`the log shows the posts ${posts.join()}, not ${expected.join()}`);
  return lines.filter(({ role }) => role !== "user").map(({ text }) => text);
}

function checkSink(
  history: History,
  { talk, plan, told }: { readonly talk: Talk; readonly plan: Pick<Plan, "unknownSends">; readonly told: Tell },
): readonly string[] {
  const seen = new Map<string, Delivered>();
  for (const delivered of history.delivered) {
    const { tenant, conversation, sink, text, wasUnknown } = delivered;
    if (tenant !== talk.tenant || conversation !== talk.conversation || sink !== talk.sink) continue;
    if (!seen.has(text)) seen.set(text, delivered);
    else if (sink !== "opaque") told(`duplicated: ${text}`);
    else if (plan.unknownSends === "at-most-once") told(`duplicated though at most once: ${text}`);
    else if (!wasUnknown) told(`duplicated without a doubt on record: ${text}`);
  }
  return [...seen.keys()];
}

/** What a conversation says next: exactly this, or what its timer adds. */
interface Script {
  readonly next: () => readonly string[];
  readonly take: (text: string) => void;
  readonly isOver: () => boolean;
}

function checkReplies(
  replies: readonly string[],
  {
    talk,
    said,
    givenUp,
    told,
  }: {
    readonly talk: Talk;
    readonly said: readonly Said[];
    readonly givenUp: ReadonlySet<string>;
    readonly told: Tell;
  },
): void {
  const script = scriptOf(
    talk,
    said.map(({ text }) => text),
  );
  const skip = (): boolean => {
    const missing = script.next().find((text) => givenUp.has(text));
    if (missing !== undefined) script.take(missing);
    return missing !== undefined;
  };
  for (const reply of replies) {
    while (!script.next().includes(reply) && skip());
    const expected = script.next();
    if (!expected.includes(reply)) {
      const what = expected.length === 0 ? "nothing more" : expected.join(" or ");
      return told(`expected ${what}, got ${reply} (all: ${replies.join(", ")})`);
    }
    script.take(reply);
  }
  while (!script.isOver() && skip());
  if (!script.isOver()) told(`lost: ${script.next().join(" or ")} (all: ${replies.join(", ")})`);
}

function scriptOf(talk: Talk, texts: readonly string[]): Script {
  const { tenant, kind } = talk;
  if (kind === "talk") return talkScript(tenant, texts);
  const replies = texts.map((text, i) => {
    if (kind === "order" || kind === "pause") return `${tenant}|${text}|`;
    if (kind === "many") {
      const items = ["a", "b", "c"].map((item) => `${tenant}|${text}-${item}|`);
      return `${tenant}|${text}|${JSON.stringify(items)}`;
    }
    if (kind !== "form") return `${tenant}|${text}|${texts[i - 1] ?? ""}`;
    return i < 3 ? `${tenant}|${["one", "two", "three"][i] ?? ""}?` : `${tenant}|${texts.slice(1, 4).join("+")}`;
  });
  let at = 0;
  return { next: () => replies.slice(at, at + 1), take: () => void at++, isOver: () => at >= replies.length };
}

/** Each reply names the one before since the flow began; a wait that runs out ends the flow, once, with a word of its own. */
function talkScript(tenant: string, texts: readonly string[]): Script {
  let at = 0;
  let last = "";
  let isWaiting = false;
  const late = (): string => `${tenant}|late|${last}`;
  return {
    next: () => [...texts.slice(at, at + 1).map((text) => `${tenant}|${text}|${last}`), ...(isWaiting ? [late()] : [])],
    take: (text) => {
      if (isWaiting && text === late()) {
        last = "";
        isWaiting = false;
        return;
      }
      last = texts[at++] ?? "";
      isWaiting = true;
    },
    isOver: () => at >= texts.length && !isWaiting,
  };
}

/** Each time of the calendar comes once, whatever number of workers looks at it. */
function checkTicks(history: History, { talk, told }: { readonly talk: Talk; readonly told: Tell }): void {
  const seen = new Set<string>();
  for (const { tenant, text } of history.delivered) {
    if (tenant !== talk.tenant || !text.endsWith("|tick")) continue;
    if (seen.has(text)) told(`fired twice: ${text}`);
    seen.add(text);
  }
}

function checkEvents(
  history: History,
  { talk, said, told }: { readonly talk: Talk; readonly said: readonly Said[]; readonly told: Tell },
): void {
  const events = history.delivered.filter(
    ({ tenant, conversation }) => tenant === talk.tenant && conversation === "ops",
  );
  for (const { text } of said) {
    const count = events.filter((event) => event.text === `${talk.tenant}|${text}|event`).length;
    if (count !== 1) told(`${count === 0 ? "lost" : `arrived ${count} times`}: the event of ${text}`);
  }
}
