import { expect, test } from "vitest";
import { timeoutOption } from "./command.ts";

test("timeoutOption() takes whole milliseconds from 1 and refuses the rest before anything is done", () => {
  const read = (timeout: string): number => timeoutOption({ args: [], options: { timeout } });
  expect(read("30000")).toBe(30_000);
  for (const bad of ["abc", "", "0", "-5", "1.5", "1e99", "NaN"])
    expect(() => read(bad)).toThrow(expect.objectContaining({ code: "CLI_USAGE_INVALID" }) as Error);
});
