import { expect, test } from "vitest";
import { diffText } from "./diff-text.ts";

test("diffText() shows what goes and comes between three lines of what stays", () => {
  const before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
  expect(diffText("f", { before, after: before.replace("5\n", "five\n").replace("6\n", "6\nsix\n") })).toBe(
    "--- f\n+++ f\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n+six\n 7\n 8\n 9\n",
  );
  expect(diffText("f", { before: "", after: "a\n" })).toBe("--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
  expect(diffText("f", { before, after: before })).toBe("");
});
