import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { parseNamedRegistry, scopeOf } from "./scopes.ts";

const scope = (
  publisher: string,
  names: readonly string[],
): { publisher: string; names: readonly string[]; registries: readonly string[] } => ({
  publisher,
  names,
  registries: [`oci://${publisher}.example.com/packs`],
});
const named = (...texts: readonly string[]): ReturnType<typeof parseNamedRegistry>[] => texts.map(parseNamedRegistry);

test("scopeOf() takes the pattern that says most, and its registries alone", () => {
  verifies("pack.dependencies.scopes");
  const scopes = [scope("all", ["*"]), scope("acme", ["acme-*"]), scope("team", ["acme-team-*", "acme-x"])];
  const of = (name: string): unknown => scopeOf(name, { scopes, named: [] });
  expect(of("other")).toEqual({ prefixes: ["oci://all.example.com/packs"], publisher: "all" });
  expect(of("acme-lib")).toEqual({ prefixes: ["oci://acme.example.com/packs"], publisher: "acme" });
  expect(of("acme-team-lib")).toEqual({ prefixes: ["oci://team.example.com/packs"], publisher: "team" });
  expect(of("acme-x")).toEqual({ prefixes: ["oci://team.example.com/packs"], publisher: "team" });
  expect(scopeOf("acme", { scopes: [scope("acme", ["acme-*"])], named: [] })).toEqual({ prefixes: [] });
});

test("scopeOf() takes registries of the command line for their pattern, else where nothing is scoped", () => {
  const scopes = [scope("acme", ["acme-*"])];
  const of = (name: string, ...texts: readonly string[]): unknown => scopeOf(name, { scopes, named: named(...texts) });
  expect(of("lib", "oci://r.example.com/x")).toEqual({ prefixes: ["oci://r.example.com/x"] });
  expect(of("acme-lib", "oci://r.example.com/x")).toEqual({
    prefixes: ["oci://acme.example.com/packs"],
    publisher: "acme",
  });
  // Where the packs are is the caller's choice; whose they are isn't.
  expect(of("acme-lib", "acme-lib=oci://mirror.example.com/x")).toEqual({
    prefixes: ["oci://mirror.example.com/x"],
    publisher: "acme",
  });
  expect(of("lib", "*=oci://a.example.com/x", "*=oci://b.example.com/x")).toEqual({
    prefixes: ["oci://a.example.com/x", "oci://b.example.com/x"],
  });
});

test("scopeOf() guesses nothing where two claim a name", () => {
  const claim = (): unknown =>
    scopeOf("acme-x", { scopes: [scope("a", ["acme-*"]), scope("b", ["*cme-x"])], named: [] });
  expect(claim).toThrow(expect.objectContaining({ code: "PACK_SCOPE_AMBIGUOUS" }));
  const plain = (): unknown =>
    scopeOf("x", { scopes: [], named: named("oci://a.example.com/x", "oci://b.example.com/x") });
  expect(plain).toThrow(expect.objectContaining({ code: "PACK_SCOPE_AMBIGUOUS" }));
  for (const text of ["registry.example.com/x", "A=oci://x/y", "oci://", "x=https://x/y"])
    expect(() => parseNamedRegistry(text), text).toThrow(expect.objectContaining({ code: "CLI_USAGE_INVALID" }));
});
