import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { componentize } from "componentize-qjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ComponentErr, linkComponent, parseComponent } from "./index.ts";
import type { ComponentInstance, LinkedComponent } from "./index.ts";
import type { JcoComponent } from "./testing/jco-oracle.ts";
import { jcoComponent } from "./testing/jco-oracle.ts";
import { verifies } from "../../../test/verifies.ts";

const WIT = `package t:t;
interface types {
  record message { id: string, count: u32, tags: list<string>, note: option<string> }
  variant answer { nothing, words(string), number(f64), copy(message) }
}
interface host {
  use types.{message};
  greet: func(m: message) -> result<string, string>;
  log: func(line: string);
}
world guest {
  use types.{message, answer};
  import host;
  export ask: func(m: message, kind: string) -> result<answer, string>;
  export busy: func(rounds: u32) -> u32;
}`;

const SOURCE = `
import { greet, log } from "t:t/host";
export function ask(m, kind) {
  log("asked " + kind);
  switch (kind) {
    case "words": return { tag: "words", val: greet(m) + "!" };
    case "number": return { tag: "number", val: m.count / 4 };
    case "copy": return { tag: "copy", val: { ...m, tags: m.tags.toReversed(), note: undefined } };
    case "fail": throw "no such thing: " + m.id;
    case "spin": for (;;) {}
    default: return { tag: "nothing" };
  }
}
export function busy(rounds) { let sum = 0; for (let i = 0; i < rounds; i++) sum = (sum + i) >>> 0; return sum; }
`;

const MESSAGE = { id: "größe 漢字 🌍", count: 7, tags: ["a", "ü", ""], note: "n" };
const ASK = { interface: null, name: "ask" };

interface Host {
  readonly lines: string[];
}

function answerTo(id: string): string {
  if (id === "stranger") throw new ComponentErr("I don't know you");
  return `hello ${id}`;
}

describe("a component written in JavaScript", () => {
  let bytes: Uint8Array;
  let sync: LinkedComponent;
  let asynchronous: LinkedComponent;
  let jco: JcoComponent;
  let dir: string;

  const link = (isAsync: boolean): LinkedComponent =>
    linkComponent(parseComponent(bytes), ({ name }) => ({
      isAsync: isAsync && name === "greet",
      call(state, [given]) {
        if (name === "log") return void (state as Host).lines.push(given as string);
        const { id } = given as { readonly id: string };
        if (!isAsync) return answerTo(id);
        return new Promise((resolve, reject) => {
          setImmediate(() => {
            try {
              resolve(answerTo(id));
            } catch (error) {
              reject(error);
            }
          });
        });
      },
    }));

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "greentic-wit-"));
    await writeFile(join(dir, "guest.wit"), WIT);
    const made = await componentize({
      witPath: dir,
      world: "guest",
      jsSource: SOURCE,
      sync: true,
      optSize: true,
      stubWasi: true,
    });
    bytes = made.component;
    sync = link(false);
    asynchronous = link(true);
    jco = await jcoComponent(bytes);
  });
  afterAll(async () => {
    await jco[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  async function outcome(instance: ComponentInstance, args: readonly unknown[]): Promise<unknown> {
    return instance.call(ASK, args).catch((error: unknown) => {
      if (error instanceof ComponentErr) return { err: error.value };
      throw error;
    });
  }

  async function jcoOutcome(args: readonly unknown[]): Promise<unknown> {
    const host = {
      log: () => undefined,
      greet(given: { readonly id: string }) {
        try {
          return answerTo(given.id);
        } catch (error) {
          // jco takes what is thrown for the error side.
          throw (error as ComponentErr).value;
        }
      },
    };
    const instance = await jco.instantiate({ "t:t/host": host });
    try {
      return (instance["ask"] as (...args: readonly unknown[]) => unknown)(...args);
    } catch (error) {
      return { err: (error as { readonly payload?: unknown }).payload ?? error };
    }
  }

  test.each([
    [MESSAGE, "words"],
    [{ ...MESSAGE, id: "stranger" }, "words"],
    [MESSAGE, "number"],
    [MESSAGE, "copy"],
    [{ ...MESSAGE, note: undefined, tags: [] }, "copy"],
    [MESSAGE, "fail"],
    [MESSAGE, "else"],
  ])("answers as under jco: %#", async (...args) => {
    const lines: string[] = [];
    const expected = await jcoOutcome(args);
    expect(await outcome(sync.instantiate({ lines }), args)).toEqual(expected);
    expect(await outcome(asynchronous.instantiate({ lines }), args)).toEqual(expected);
    expect(lines).toEqual([`asked ${args[1]}`, `asked ${args[1]}`]);
  });

  test("answers err and stays usable", async () => {
    const instance = asynchronous.instantiate({ lines: [] });
    expect(await outcome(instance, [MESSAGE, "fail"])).toEqual({ err: `no such thing: ${MESSAGE.id}` });
    expect(await outcome(instance, [MESSAGE, "words"])).toEqual({ tag: "words", val: `hello ${MESSAGE.id}!` });
  });

  test("waits for the host while others run, each with its own state", async () => {
    verifies("runtime.async");
    const hosts = Array.from({ length: 20 }, (): Host => ({ lines: [] }));
    const answers = await Promise.all(
      hosts.map((host, index) => outcome(asynchronous.instantiate(host), [{ ...MESSAGE, id: `${index}` }, "words"])),
    );
    expect(answers).toEqual(hosts.map((_host, index) => ({ tag: "words", val: `hello ${index}!` })));
    expect(hosts.every(({ lines }) => lines.length === 1)).toBe(true);
  });

  test("uses the same fuel for the same work", async () => {
    const fuelOf = async (rounds: number): Promise<number> => {
      const instance = sync.instantiate({ lines: [] });
      await instance.call({ interface: null, name: "busy" }, [rounds]);
      return instance.stats.fuel;
    };
    expect(await fuelOf(1000)).toBe(await fuelOf(1000));
    expect(await fuelOf(200_000)).toBeGreaterThan((await fuelOf(1000)) + 1_000_000);
  });

  test("is stopped where it spins, and only it", async () => {
    const spinner = sync.instantiate({ lines: [] }, { deadlineAtMs: performance.now() + 100 });
    const spinning = spinner.call(ASK, [MESSAGE, "spin"]);
    expect(await outcome(sync.instantiate({ lines: [] }), [MESSAGE, "number"])).toEqual({ tag: "number", val: 1.75 });
    await expect(spinning).rejects.toMatchObject({ name: "Trap", reason: "deadline" });
  });

  test("names every import that is not granted", () => {
    verifies("pack.sandboxed");
    expect(() => linkComponent(parseComponent(bytes), () => undefined)).toThrow(
      expect.objectContaining({
        code: "COMPONENT_IMPORT_UNGRANTED",
        details: { imports: ["t:t/host#greet", "t:t/host#log"] },
      }) as Error,
    );
  });
});
