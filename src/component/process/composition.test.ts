import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentHost, ComponentLink } from "../host.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { buildFrom } from "../testing/hostile-guest.ts";
import { InProcessComponentHost } from "./in-process-host.ts";
import { ProcessComponentHost } from "./process-host.ts";

const WIT = `
package t:pair@1.0.0;
interface keeper {
  record answer { texts: list<string>, size: u32 }
  keep: func(key: string, value: list<u8>) -> result<answer, string>;
  secret: func(name: string) -> string;
  spin: func();
}
world caller {
  import keeper;
  import greentic:secrets-store/secrets-store@1.0.0;
  include greentic:component/component;
}
world keeping {
  import greentic:secrets-store/secrets-store@1.0.0;
  import greentic:state/state-store@1.0.0;
  export keeper;
}
`;
const own = (world: string): string => `name = "${world}"\nworld = "own"\nwit = "wit"\n`;
const wit = (world: string): string => {
  const other = world === "caller" ? "keeping" : "caller";
  return WIT.replace(new RegExp(`world ${other} \\{[^}]*\\}`), "");
};
const SECRET = `
import { get } from "greentic:secrets-store/secrets-store@1.0.0";
import { decodeUtf8, encodeUtf8 } from "@greentic/guest";
const secretOf = (name: string): string => { try { return decodeUtf8(get(name) ?? []); } catch (error) { return (error as any).payload; } };
`;
const CALLER = `${SECRET}
import { keep, secret, spin } from "t:pair/keeper@1.0.0";
let calls = 0;
export function execute({ content }: { content: string }) {
  const { act, key, value } = JSON.parse(content);
  calls++;
  const acts: Record<string, () => unknown> = {
    keep: () => { try { return keep(key, encodeUtf8(value)); } catch (error) { return { thrown: (error as any).payload }; } },
    secret: () => [secretOf(key), secret(key)],
    spin: () => spin(),
  };
  const data = JSON.stringify(acts[act]!() ?? null);
  return { success: true, data, error: null };
}`;
const KEEPER = `${SECRET}
import * as state from "greentic:state/state-store@1.0.0";
let kept: string[] = [];
export const keeper = {
  keep: (key: string, value: Uint8Array) => {
    if (key === "") throw "no key";
    state.write(key, value, null);
    kept.push(decodeUtf8(state.read(key, null)));
    return { texts: kept, size: value.length };
  },
  secret: secretOf,
  spin: () => { for (;;) kept.length; },
};`;

let caller: { readonly bytes: Uint8Array; readonly sha256: string };
let keeper: typeof caller;
beforeAll(async () => {
  caller = await buildFrom({ "component.toml": own("caller"), "wit/world.wit": wit("caller"), "src/main.ts": CALLER });
  keeper = await buildFrom({
    "component.toml": own("keeping"),
    "wit/world.wit": wit("keeping"),
    "src/main.ts": KEEPER,
  });
}, 60_000);

const CALLER_GRANTS: ComponentGrants = { ...NO_GRANTS, secrets: ["of_caller"] };
const KEEPER_GRANTS: ComponentGrants = { ...NO_GRANTS, secrets: ["of_keeper"], state: "read-write" };
const NAME = "t:pair/keeper@1.0.0";

describe.each([
  ["ProcessComponentHost", () => new ProcessComponentHost({ poolSize: 1 })],
  ["InProcessComponentHost", () => new InProcessComponentHost()],
] satisfies [string, () => ComponentHost][])("%s, two components linked", (_name, make) => {
  let host: ComponentHost;
  beforeAll(async () => {
    host = make();
    await host.examine(caller.bytes);
    await host.admit(keeper.bytes, KEEPER_GRANTS);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const link = (): ComponentLink => ({
    interface: NAME,
    sha256: keeper.sha256,
    component: "keeper",
    grants: KEEPER_GRANTS,
  });
  const services = memoryServices();
  const call = async (
    input: JsonValue,
    links: readonly ComponentLink[] = [link()],
    timeoutMs = 5000,
  ): Promise<unknown> => {
    const { sha256 } = caller;
    const base = { sha256, component: "caller", operation: "execute", grants: CALLER_GRANTS, services, timeoutMs };
    const result = await host.invoke(ctxOf(), { ...base, input: { content: JSON.stringify(input) }, links });
    return result.kind === "ok" ? result.output : result.error;
  };

  test("values and errors pass, in an instance that is fresh for each call", async () => {
    expect(await call({ act: "keep", key: "a", value: "ä" })).toEqual({ texts: ["ä"], size: 2 });
    expect(await call({ act: "keep", key: "a", value: "b" })).toEqual({ texts: ["b"], size: 1 });
    expect(await call({ act: "keep", key: "", value: "" })).toEqual({ thrown: "no key" });
  });

  test("each has its own grants and its own state", async () => {
    expect(await call({ act: "secret", key: "of_caller" })).toEqual(["value of of_caller", "denied"]);
    expect(await call({ act: "secret", key: "of_keeper" })).toEqual(["denied", "value of of_keeper"]);
    await call({ act: "keep", key: "k", value: "v" });
    expect([...services.state.keys()].filter((key) => key.endsWith("/k"))).toEqual(["keeper/k"]);
  });

  test("the linked one ends at the call's deadline", async () => {
    expect(await call({ act: "spin" }, [link()], 300)).toMatchObject({ code: "COMPONENT_DEADLINE_EXCEEDED" });
  });

  test("a link that isn't there, or to a component of another kind, is a typed error", async () => {
    expect(await call({ act: "secret", key: "x" }, [])).toMatchObject({
      code: "COMPONENT_IMPORT_UNGRANTED",
      message: expect.stringContaining(NAME) as string,
    });
    expect(await call({ act: "secret", key: "x" }, [{ ...link(), sha256: caller.sha256 }])).toMatchObject({
      code: "COMPONENT_LINK_INVALID",
      message: expect.stringContaining(NAME) as string,
    });
  });

  test("admit() alone refuses an import that nobody serves, and names it", async () => {
    await expect(host.admit(caller.bytes, CALLER_GRANTS)).rejects.toMatchObject({
      code: "COMPONENT_IMPORT_UNGRANTED",
      details: { import: NAME },
    });
  });
});
