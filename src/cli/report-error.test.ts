import { mkdirSync } from "node:fs";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { GreenticError } from "../types/index.ts";
import type { CommandIo } from "./command.ts";
import { reportError } from "./report-error.ts";

function report(thrown: unknown): { readonly exitCode: number; readonly text: string } {
  let text = "";
  const stderr = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  const exitCode = reportError(thrown, { stderr, environment: {} } as unknown as CommandIo);
  return { exitCode, text };
}

test("reportError() names the path and the system's reason where a file can't be used, as no defect of ours", () => {
  const file = import.meta.filename;
  let thrown: unknown;
  try {
    mkdirSync(`${file}/below`, { recursive: true });
  } catch (error) {
    thrown = error;
  }
  const { exitCode, text } = report(thrown);
  expect(exitCode).toBe(5);
  expect(text).toMatch(/^error\[CLI_PATH_UNUSABLE\]: Use ".*below": mkdir gave ENOTDIR\n {2}help: /);
});

test("reportError() shows the place of a problem with an excerpt, and calls the unforeseen a defect", () => {
  const at = { file: import.meta.filename, line: 1, column: 10 };
  const placed = report(new GreenticError("FLOW_YAML_INVALID", "Read YAML: bad", { at }));
  expect(placed.exitCode).toBe(2);
  expect(placed.text).toContain('1 | import { mkdirSync } from "node:fs";\n  |          ^\n');
  expect(report(new TypeError("boom"))).toEqual({ exitCode: 1, text: "error[CLI_INTERNAL]: TypeError: boom\n" });
});
