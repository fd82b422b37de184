import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ManualWorld } from "../../conformance/session-store/fixtures.ts";
import { openSqliteStore } from "./index.ts";
import type { SessionStore } from "./index.ts";

const KILLS = 20;
const CHILD = join(import.meta.dirname, "sqlite-kill.child.ts");
const dir = mkdtempSync(join(tmpdir(), "greentic-kill-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** What the processes acknowledged before they were killed. */
class Acknowledged {
  readonly accepted = new Map<string, number>();
  readonly committed = new Map<string, number>();
  readonly delivered = new Map<string, number>();
  readonly sent = new Set<string>();
  readonly disorder: string[] = [];

  note(line: string): void {
    const [word = "", subject = "", n = ""] = line.split(" ");
    if (word === "accepted") this.accepted.set(subject, Number(n));
    else if (word === "committed") this.committed.set(subject, Number(n));
    else if (word === "delivered") this.delivered.set(subject, (this.delivered.get(subject) ?? 0) + 1);
    else if (word === "sent") this.sent.add(subject);
    else if (word === "disorder") this.disorder.push(line);
  }
}

/** Runs the child until it has said `lines` lines, then kills it. */
async function runAndKill(lines: number, said: Acknowledged): Promise<void> {
  const child = spawn(process.execPath, [CHILD, dir], { stdio: ["ignore", "pipe", "inherit"] });
  let rest = "";
  let count = 0;
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) said.note(line);
    count += parts.length;
    if (count >= lines) child.kill("SIGKILL");
  });
  await new Promise((resolve) => void child.once("close", resolve));
  expect(child.signalCode).toBe("SIGKILL");
}

async function check(store: SessionStore, said: Acknowledged): Promise<void> {
  expect(said.disorder).toEqual([]);
  const rows = await store.listOutbox({ limit: 1_000_000 });
  for (const { key, session, unread } of await store.list({ limit: 100 })) {
    const conversation = key.split(":")[4] ?? "";
    const subject = conversation.slice(1);
    const last = (session?.snapshot as { readonly last: number } | undefined)?.last ?? 0;
    // Nothing acknowledged is lost: it was consumed or is unread.
    expect(last).toBeGreaterThanOrEqual(said.committed.get(subject) ?? 0);
    expect(last + unread).toBeGreaterThanOrEqual(said.accepted.get(subject) ?? 0);
    // What a turn consumed, answered and logged belongs together: each message exactly once, in order.
    const expected = Array.from({ length: last }, (_, n) => `${subject}-${n + 1}`);
    expect(
      rows
        .filter((row) => row.key === key)
        .map(({ id }) => id)
        .toReversed(),
    ).toEqual(expected);
    const log = await store.readLog(key.slice(0, key.lastIndexOf(":")), { after: -1, limit: 1_000 });
    expect(log.map(({ activity }) => activity)).toEqual(expected.slice(-log.length));
    expect(log.at(-1)?.index ?? -1).toBe(last - 1);
  }
  for (const row of rows) {
    const times = said.delivered.get(row.id) ?? 0;
    if (said.sent.has(row.id)) expect(row.status).toBe("sent");
    // Delivered again only where the doubt is on record, and never without a begin.
    if (times > 1) expect(row.wasUnknown).toBe(true);
    expect(row.attempts).toBeGreaterThanOrEqual(times);
  }
}

test(
  `nothing that was acknowledged is lost when the process is killed, ${KILLS} times in a row`,
  { timeout: 180_000 },
  async () => {
    const said = new Acknowledged();
    for (let kill = 0; kill < KILLS; kill++) {
      await runAndKill(60 + ((kill * 137) % 400), said);
      // Alternately the next process recovers by itself.
      if (kill % 4 !== 3) continue;
      await using store = await openSqliteStore({ dir, world: new ManualWorld() });
      await check(store, said);
    }
    expect(said.sent.size).toBeGreaterThan(KILLS);
  },
);
