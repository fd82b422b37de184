import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { findNumbered } from "./choice.ts";

test("findNumbered() takes a bare number for the choice in that place, and nothing else for one", () => {
  verifies("channels.numbered");
  const values = ["a", "b", "c"];
  expect(["1", " 2 ", "3.", "2)"].map((text) => findNumbered(text, values))).toEqual(["a", "b", "c", "b"]);
  for (const text of ["0", "4", "01", "-1", "1 2", "1.5", "one", "", "1000", undefined])
    expect(findNumbered(text, values)).toBeUndefined();
});
