// A process for the test of full disks: its folder is a small file system. Says on its output what it found, as JSON.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { entryOf, keyOf, recordOf, turnOf } from "../../conformance/session-store/fixtures.ts";
import { isGreenticError } from "../types/index.ts";
import type { World } from "../types/index.ts";
import { openSqliteStore } from "./index.ts";
import type { Lease, SessionStore } from "./index.ts";

const dir = process.argv[2] ?? "";
const world: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomBytes: (size) => new Uint8Array(size),
  schedule: () => () => undefined,
};
const text = "a message of some length ".repeat(40);
let messages = 0;

async function accept(store: SessionStore): Promise<Lease | string> {
  const entry = entryOf(`m${++messages}`, { key: keyOf({ conversation: `c${messages}` }) });
  try {
    const { lease } = await store.accept(
      { ...entry, envelope: { ...entry.envelope, text } },
      { leaseTo: { worker: "w" } },
    );
    return lease ?? "none";
  } catch (error) {
    return isGreenticError(error) ? error.code : "unknown";
  }
}

const found = {
  accepted: 0,
  refused: "",
  committed: 0,
  failed: "",
  isFullNow: "",
  unread: -1,
  resumed: false,
  again: "",
};
const commits: Lease[] = [];
{
  await using store = await openSqliteStore({ dir, world, reserveBytes: 2_000_000 });
  // Something else eats the disk up while people go on talking.
  const filler = join(dir, "filler");
  for (let size = 0; found.refused === ""; size += 100_000) {
    try {
      writeFileSync(filler, Buffer.alloc(size));
    } catch {
      // Now it's full.
    }
    for (const answer of await Promise.all(Array.from({ length: 20 }, () => accept(store)))) {
      if (typeof answer === "string") found.refused = answer;
      else commits.push(answer);
    }
  }
  found.accepted = commits.length;
  const answers = await Promise.allSettled(
    commits.map((lease) => store.commit(lease, turnOf(lease, { session: recordOf(1, { snapshot: { text } }) }))),
  );
  for (const answer of answers) {
    if (answer.status === "fulfilled") found.committed++;
    else found.failed = isGreenticError(answer.reason) ? answer.reason.code : "unknown";
  }
  const answer = await accept(store);
  found.isFullNow = typeof answer === "string" ? answer : "";
  found.unread = (await store.stats()).unread;
  rmSync(filler);
  while (!found.resumed) found.resumed = typeof (await accept(store)) !== "string";
  // Full again, at the worst moment: when it is opened.
  try {
    writeFileSync(filler, Buffer.alloc(64_000_000));
  } catch {
    // As it should be.
  }
}
{
  await using store = await openSqliteStore({ dir, world, reserveBytes: 2_000_000 });
  const sessions = await store.list({ limit: 100_000 });
  found.again = `${sessions.filter(({ session }) => session !== undefined).length} of ${found.committed}`;
}
process.stdout.write(JSON.stringify(found));
