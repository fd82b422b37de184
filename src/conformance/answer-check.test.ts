import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { RunnerAnswer } from "./answer-check.ts";
import { answerRunnerCheck } from "./answer-check.ts";
import { JudgePlatform } from "./judge-platform.ts";
import { samplePack } from "./sample-pack.ts";

const pack = await samplePack();

function answerer(platform?: string): (activity: string, timeoutMs?: number) => Promise<RunnerAnswer> {
  const dataDir = mkdtempSync(join(tmpdir(), "greentic-answers-"));
  const environment = { SESSION_ID: "one", ...(platform !== undefined && { GREENTIC_CONFORMANCE_PLATFORM: platform }) };
  return (activity, timeoutMs = 30_000) =>
    answerRunnerCheck({ pack, activity, environment, nowMs: Date.now(), dataDir, timeoutMs });
}

test("answerRunnerCheck() takes an activity whose id came before for the same one, in its session", async () => {
  verifies("conformance.runner.faults");
  const answer = answerer();
  const first = await answer('{"id":"1","text":"hello"}');
  expect(first).toMatchObject({ supports: ["platform"], status: "waiting", reply: [{ text: "What is your name?" }] });
  // What it ran isn't kept with the answer.
  expect(await answer('{"id":"1","text":"hello"}')).toEqual({ ...first, steps: [] });
  expect(await answer('{"id":"2","text":"Ada"}')).toMatchObject({ status: "done", reply: [{ text: "Hello, Ada!" }] });
  expect(await answer("Ada")).toMatchObject({ status: "waiting" });
  expect(await answer("Bo")).toMatchObject({ status: "done", reply: [{ text: "Hello, Bo!" }] });
});

test("answerRunnerCheck() fails where a platform takes nothing, and says later what it had to say, once", async () => {
  verifies("conformance.runner.faults");
  await using platform = await JudgePlatform.open();
  const answer = answerer(platform.url.href);
  platform.answer = () => ({ status: 500 });
  await expect(answer('{"id":"1","text":"hello"}', 500)).rejects.toMatchObject({
    code: "MESSAGING_PLATFORM_UNAVAILABLE",
  });
  platform.answer = () => ({ status: 200 });
  await answer('{"id":"1","text":"hello"}');
  const names = platform.seen.map(({ headers }) => headers["webhook-id"]);
  expect(names.length).toBeGreaterThan(1);
  expect(new Set(names).size).toBe(1);
  expect(platform.seen.every(({ body }) => body.includes("What is your name?"))).toBe(true);
});

test("answerRunnerCheck() reaches no platform beyond this machine", async () => {
  verifies("conformance.runner.faults");
  for (const url of ["https://platform.example/", "http://10.0.0.1/", "127.0.0.1", "http://127.0.0.1.example/"])
    await expect(answerer(url)('{"id":"1","text":"hello"}'), url).rejects.toMatchObject({
      code: "HTTP_ADDRESS_DENIED",
    });
});
