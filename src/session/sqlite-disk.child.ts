// A process for the test of failing disks: takes messages in until its store is shut, saying what was accepted and how it ended.
import { entryOf, keyOf } from "../../conformance/session-store/fixtures.ts";
import { isGreenticError } from "../types/index.ts";
import type { World } from "../types/index.ts";
import { openSqliteStore } from "./index.ts";

const world: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomBytes: (size) => new Uint8Array(size),
  schedule: () => () => undefined,
};
const told: string[] = [];
const store = await openSqliteStore({
  dir: process.argv[2] ?? "",
  world,
  onDamage: ({ code }) => void told.push(code),
  reserveBytes: 0,
});
const accepted: string[] = [];
const codes = new Set<string>();
for (let n = 0; n < 4_000 && codes.size === 0; n += 8) {
  const names = Array.from({ length: 8 }, (_, k) => `m${n + k}`);
  const answers = await Promise.allSettled(
    names.map((name) => store.accept(entryOf(name, { key: keyOf({ conversation: name }), envelope: large(name) }))),
  );
  for (const [k, answer] of answers.entries()) {
    if (answer.status === "fulfilled") accepted.push(names[k] ?? "");
    else codes.add(isGreenticError(answer.reason) ? answer.reason.code : "unknown");
  }
}
const later = await store
  .accept(entryOf("later"))
  .catch((error: unknown) => (isGreenticError(error) ? error.code : ""));
await store[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify({ accepted, codes: [...codes], told, later }));

function large(name: string): ReturnType<typeof entryOf>["envelope"] {
  return { ...entryOf(name).envelope, text: "x".repeat(20_000) };
}
