import { expect, test } from "vitest";
import { NO_GRANTS } from "../component/index.ts";
import type { FoundComponent } from "./find-links.ts";
import { findLinks } from "./find-links.ts";

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
  const links = findLinks(
    new Map([
      component("adapter", ["wasix:mcp/router@25.6.18", "wasi:io/poll@0.2.6"], ["greentic:component/node@0.6.0"]),
      component("router", ["greentic:http/http-client@1.1.0"], ["wasix:mcp/router@25.6.18"]),
    ]),
  );
  expect(links.get("adapter")).toEqual([linkTo("wasix:mcp/router@25.6.18", "router")]);
  expect(links.get("router")).toEqual([]);
});

test("findLinks() follows what the linked component needs in turn", () => {
  const links = findLinks(
    new Map([component("a", ["x:x/b"], []), component("b", ["x:x/c"], ["x:x/b"]), component("c", [], ["x:x/c"])]),
  );
  expect(links.get("a")).toEqual([linkTo("x:x/b", "b"), linkTo("x:x/c", "c")]);
});

test("findLinks() doesn't link a component to itself, nor an interface of the host's to a component", () => {
  const own = "greentic:secrets-store/secrets-store@1.0.0";
  const links = findLinks(new Map([component("a", ["x:x/y", own], ["x:x/y"]), component("thief", [], [own])]));
  expect(links.get("a")).toEqual([]);
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
  expect(() => findLinks(new Map(components))).toThrow(error);
});
