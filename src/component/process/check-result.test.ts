import { anything, assert, jsonValue, property } from "fast-check";
import { expect, test } from "vitest";
import { checkResult } from "./check-result.ts";

const stats = { wallMs: 1, fuel: 2, peakMemoryBytes: 3, hostCalls: ["a"], log: "" };

test("checkResult() lets every JSON output through and copies nothing else", () => {
  assert(
    property(jsonValue(), (output) => {
      expect(checkResult({ kind: "ok", output, stats: { ...stats, more: 1 }, more: 2 })).toEqual({
        kind: "ok",
        output,
        stats,
      });
    }),
  );
  const error = { code: "c", message: "m", retryable: true, backoffMs: 5, details: { a: [1] } };
  expect(checkResult({ kind: "error", error: { ...error, more: 1 }, stats })).toEqual({ kind: "error", error, stats });
});

test("checkResult() refuses what no honest process sends, and never throws", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  for (const output of [undefined, 1n, new Map(), new Date(), Number.NaN, cyclic, { a: () => 1 }, [undefined]]) {
    expect(checkResult({ kind: "ok", output, stats })).toBeUndefined();
  }
  expect(checkResult({ kind: "error", error: { code: 1, message: "m", retryable: true }, stats })).toBeUndefined();
  expect(checkResult({ kind: "ok", output: 1, stats: { ...stats, hostCalls: [1] } })).toBeUndefined();
  assert(
    property(
      anything(),
      (value) => checkResult({ kind: value, output: value, error: value, stats: value }) === undefined,
    ),
  );
});
