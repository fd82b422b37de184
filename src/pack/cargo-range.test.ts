import { expect, test } from "vitest";
import { cargoRange } from "./cargo-range.ts";

// The tables of the Cargo book, "Specifying Dependencies".
test.each([
  ["1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0"]],
  ["1.2", ["1.2.0", "1.99.0"], ["1.1.9", "2.0.0"]],
  ["1", ["1.0.0", "1.9.9"], ["0.9.9", "2.0.0"]],
  ["0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"]],
  ["0.2", ["0.2.0", "0.2.9"], ["0.3.0"]],
  ["0.0.3", ["0.0.3"], ["0.0.4", "0.0.2"]],
  ["0.0", ["0.0.0", "0.0.9"], ["0.1.0"]],
  ["0", ["0.0.0", "0.9.9"], ["1.0.0"]],
  ["^0.4", ["0.4.0", "0.4.59"], ["0.5.0"]],
  ["~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0"]],
  ["~1.2", ["1.2.0", "1.2.9"], ["1.3.0"]],
  ["~1", ["1.0.0", "1.9.0"], ["2.0.0"]],
  ["*", ["0.0.0", "99.0.0"], []],
  ["1.*", ["1.0.0", "1.9.0"], ["2.0.0"]],
  ["1.2.*", ["1.2.0", "1.2.9"], ["1.3.0"]],
  [">= 1.2.0", ["1.2.0", "3.0.0"], ["1.1.9"]],
  ["> 1", ["2.0.0"], ["1.0.0", "1.9.0"]],
  ["< 2", ["1.9.9"], ["2.0.0"]],
  ["= 1.2.3", ["1.2.3"], ["1.2.4"]],
  ["=1.2", ["1.2.0", "1.2.9"], ["1.3.0"]],
  [">=1, <2", ["1.0.0", "1.9.9"], ["0.9.0", "2.0.0"]],
  [">= 1.2, < 1.5", ["1.2.0", "1.4.9"], ["1.5.0"]],
  ["1.0.0-alpha.1", ["1.0.0-alpha.1", "1.0.0-beta", "1.0.0"], ["2.0.0", "1.1.0-alpha"]],
  ["1.2.3+build", ["1.2.3"], ["2.0.0"]],
])("cargoRange(%j) admits what Cargo admits", (requirement, admitted, refused) => {
  const range = cargoRange(requirement);
  for (const version of admitted) expect([version, range.test(version)]).toEqual([version, true]);
  for (const version of refused) expect([version, range.test(version)]).toEqual([version, false]);
});

test.each([
  "",
  " ",
  "latest",
  "1.2.3 || 2",
  "1 - 2",
  ">=1 <2",
  "^*",
  "1.x",
  "01.2",
  "1.2.3.4",
  ",",
  "1,",
  "v1",
  "=>1",
  "1.2-beta",
])("cargoRange() refuses %j", (requirement) => {
  expect(() => cargoRange(requirement)).toThrow(expect.objectContaining({ code: "PACK_RANGE_INVALID" }));
});
