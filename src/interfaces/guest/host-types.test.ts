import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { GUEST_LIBRARY, HOST_INTERFACES, NODE_EXPORTS, WIT_DIRECTORY } from "../index.ts";

const WIT = new Map(readdirSync(WIT_DIRECTORY).map((name) => [name, readFileSync(join(WIT_DIRECTORY, name), "utf8")]));
const HOST = readFileSync(join(GUEST_LIBRARY, "host.d.ts"), "utf8");
const EXPORTS = readFileSync(join(GUEST_LIBRARY, "node-export.ts"), "utf8");

/** The body of one interface, `package/interface@version`. */
function interfaceOf(name: string): string {
  const [, namespace = "", pack = "", inner = "", version = ""] = /^(.+):(.+)\/(.+)@(.+)$/.exec(name) ?? [];
  const text = WIT.get(`${namespace}-${pack}@${version}.wit`) ?? "";
  return new RegExp(`^interface ${inner} \\{\\n([\\s\\S]*?)^\\}`, "m").exec(text)?.[1] ?? "";
}

/** Names of functions and of the fields of records that an interface has, as its engine spells them. */
function namesOf(body: string): readonly string[] {
  const code = body.replaceAll(/\/\/\/.*$/gm, "");
  return [...code.matchAll(/^ {2,4}([a-z][a-z0-9-]*):/gm)].map(([, name = ""]) =>
    name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
  );
}

function moduleOf(name: string): string {
  const start = HOST.indexOf(`declare module "${name}" {`);
  return start < 0 ? "" : HOST.slice(start, HOST.indexOf("\n}\n", start));
}

// What the host says in the error's payload has no type of its own.
const PAYLOADS = new Set(["code", "message"]);

test.each(Object.values(HOST_INTERFACES))("the types of %s have every function and field of its WIT", (name) => {
  verifies("component.sdk.types");
  const names = namesOf(interfaceOf(name)).filter((part) => !PAYLOADS.has(part));
  expect(names.length).toBeGreaterThan(0);
  for (const part of names) expect(moduleOf(name)).toMatch(new RegExp(`\\b${part}\\b`));
});

test.each(NODE_EXPORTS)("the types of %s have every function of its WIT", (name) => {
  const body = interfaceOf(name);
  const functions = namesOf(body).filter((part) =>
    new RegExp(`\\b${part}: func`).test(body.replaceAll(/-([a-z0-9])/g, (_, l: string) => l.toUpperCase())),
  );
  expect(functions.length).toBeGreaterThan(0);
  for (const part of functions) expect(EXPORTS).toMatch(new RegExp(`\\b${part}\\(`));
});
