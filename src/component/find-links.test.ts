import { expect, test } from "vitest";
import type { FoundComponent } from "./find-links.ts";
import { findLinks } from "./find-links.ts";
import { NO_GRANTS } from "./grants.ts";

const component = (name: string, imports: readonly string[], exports: readonly string[]): [string, FoundComponent] => [
  name,
  { info: { sha256: `hash of ${name}`, imports, exports }, grants: { ...NO_GRANTS, secrets: [name] } },
];
const linkTo = (wanted: string, name: string) => ({
  interface: wanted,
  sha256: `hash of ${name}`,
  component: name,
  grants: { ...NO_GRANTS, secrets: [name] },
});

test("findLinks() links an import to the one other component that exports it, with that one's own grants", () => {
  const pack = new Map([
    component("adapter", ["wasix:mcp/router@25.6.18", "wasi:io/poll@0.2.6"], ["greentic:component/node@0.6.0"]),
    component("router", ["greentic:http/http-client@1.1.0"], ["wasix:mcp/router@25.6.18"]),
  ]);
  expect(findLinks("adapter", pack)).toEqual([linkTo("wasix:mcp/router@25.6.18", "router")]);
  expect(findLinks("router", pack)).toEqual([]);
});

test("findLinks() follows what the linked component needs in turn", () => {
  const pack = new Map([
    component("a", ["x:x/b"], []),
    component("b", ["x:x/c"], ["x:x/b"]),
    component("c", [], ["x:x/c"]),
  ]);
  expect(findLinks("a", pack)).toEqual([linkTo("x:x/b", "b"), linkTo("x:x/c", "c")]);
});

test("findLinks() looks at each component once, however many ways lead to it", () => {
  const chain = Array.from({ length: 60 }, (_, level) => {
    const of = (n: number): readonly string[] => [`x:x/a${n}`, `x:x/b${n}`];
    return component(`c${level}`, of(level + 1), of(level));
  });
  expect(findLinks("c0", new Map(chain))).toHaveLength(118);
});

test("findLinks() doesn't link a component to itself, nor an interface of the host's to a component", () => {
  const own = "greentic:secrets-store/secrets-store@1.0.0";
  const pack = new Map([component("a", ["x:x/y", own], ["x:x/y"]), component("thief", [], [own])]);
  expect(findLinks("a", pack)).toEqual([]);
});

test.each([
  [
    "two that could serve it",
    [component("a", ["x:x/y"], []), component("b", [], ["x:x/y"]), component("c", [], ["x:x/y"])],
    'both "b" and "c" serve it',
  ],
  [
    "a circle",
    [component("a", ["x:x/b"], ["x:x/a"]), component("b", ["x:x/a"], ["x:x/b"])],
    "leads back to the component itself",
  ],
])("findLinks() refuses %s", (_what, components, message) => {
  const error = expect.objectContaining({
    code: "COMPONENT_LINK_INVALID",
    message: expect.stringContaining(message) as string,
  }) as Error;
  expect(() => findLinks("a", new Map(components))).toThrow(error);
});
