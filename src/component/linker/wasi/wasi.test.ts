import { array, assert, asyncProperty, constantFrom } from "fast-check";
import { describe, expect, test } from "vitest";
import { ComponentErr, Trap } from "../trap.ts";
import type { FileSource } from "./file-source.ts";
import { memoryFiles } from "./file-source.ts";
import { Pollable } from "./pollable.ts";
import { resolveWasi } from "./resolve-wasi.ts";
import type { WasiOptions } from "./wasi.ts";
import { createWasi } from "./wasi.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Calls WASI functions as a guest would, without one. */
function world(options: Partial<WasiOptions> = {}): (name: string, ...args: readonly unknown[]) => unknown {
  const wasi = createWasi({
    nowMs: () => 1_700_000_000_123.9,
    randomBytes: (count) => new Uint8Array(count).fill(7),
    ...options,
  });
  return (name, ...args) => {
    const [instance = "", func = ""] = name.split("#");
    const host = resolveWasi({ instance: `wasi:${instance}@0.2.6`, name: func });
    if (!host) throw new RangeError(`no ${name}`);
    return host.call({ wasi }, args);
  };
}

const fails = (call: () => unknown, code: unknown): void => {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ComponentErr);
  expect((thrown as ComponentErr).value).toEqual(code);
};

describe("resolveWasi()", () => {
  test("serves every 0.2 patch version and nothing else", () => {
    const find = (instance: string): unknown => resolveWasi({ instance, name: "now" });
    expect(find("wasi:clocks/wall-clock@0.2.0")).toBe(find("wasi:clocks/wall-clock@0.2.11"));
    expect(find("wasi:clocks/wall-clock@0.2.0")).toBeDefined();
    expect(find("wasi:clocks/wall-clock@0.3.0")).toBeUndefined();
    expect(find("wasi:clocks/wall-clock")).toBeUndefined();
    expect(resolveWasi({ instance: "wasi:clocks/wall-clock@0.2.0", name: "__proto__" })).toBeUndefined();
    expect(resolveWasi({ instance: "wasi:http/outgoing-handler@0.2.0", name: "handle" })).toBeUndefined();
    expect(resolveWasi({ instance: null, name: "now" })).toBeUndefined();
  });

  test("denies sockets", () => {
    const call = world();
    const network = call("sockets/instance-network#instance-network");
    expect(network).toBeTypeOf("object");
    fails(() => call("sockets/tcp-create-socket#create-tcp-socket", "ipv4"), "access-denied");
    fails(() => call("sockets/udp-create-socket#create-udp-socket", "ipv6"), "access-denied");
    fails(() => call("sockets/ip-name-lookup#resolve-addresses", network, "localhost"), "access-denied");
    expect(call("sockets/network#network-error-code", {})).toBeUndefined();
    expect(() => call("sockets/tcp#[method]tcp-socket.accept", {})).toThrow(Trap);
  });
});

describe("a world with nothing granted", () => {
  const call = world();
  test("has no environment, arguments, files or terminals", () => {
    expect(call("cli/environment#get-environment")).toEqual([]);
    expect(call("cli/environment#get-arguments")).toEqual([]);
    expect(call("filesystem/preopens#get-directories")).toEqual([]);
    expect(call("cli/terminal-stdin#get-terminal-stdin")).toBeUndefined();
    fails(() => call("io/streams#[method]input-stream.read", call("cli/stdin#get-stdin"), 10n), { tag: "closed" });
  });

  test("shows a clock of whole milliseconds", () => {
    expect(call("clocks/wall-clock#now")).toEqual({ seconds: 1_700_000_000n, nanoseconds: 123_000_000 });
    expect((call("clocks/monotonic-clock#now") as bigint) % 1_000_000n).toBe(0n);
  });

  test("ends the guest where it exits", () => {
    const exit = (): unknown => call("cli/exit#exit-with-code", 3);
    expect(exit).toThrow(expect.objectContaining({ reason: "exit", exitCode: 3 }) as Error);
    expect(() => call("cli/exit#exit", { tag: "err" })).toThrow(expect.objectContaining({ exitCode: 1 }) as Error);
  });
});

describe("grants", () => {
  test("cap random bytes", () => {
    const call = world({ maxRandomBytes: 16 });
    expect(call("random/random#get-random-bytes", 16n)).toHaveLength(16);
    expect(() => call("random/random#get-random-bytes", 2n ** 63n)).toThrow(Trap);
  });

  test("cap what is logged and count the rest", () => {
    const lines: string[] = [];
    const wasi = createWasi({
      nowMs: () => 0,
      randomBytes: (count) => new Uint8Array(count),
      maxLogBytes: 5,
      log: (stream, part) => lines.push(`${stream}:${new TextDecoder().decode(part)}`),
    });
    const write = resolveWasi({ instance: "wasi:io/streams@0.2.0", name: "[method]output-stream.write" });
    const stdout = resolveWasi({ instance: "wasi:cli/stdout@0.2.0", name: "get-stdout" })?.call({ wasi }, []);
    write?.call({ wasi }, [stdout, bytes("abc")]);
    write?.call({ wasi }, [stdout, bytes("defg")]);
    write?.call({ wasi }, [stdout, bytes("h")]);
    expect(lines).toEqual(["stdout:abc", "stdout:de"]);
    expect(wasi.droppedLogBytes).toBe(3);
  });

  test("give the environment, arguments and stdin", () => {
    const call = world({ env: { A: "1" }, args: ["x"], stdin: bytes("in") });
    expect(call("cli/environment#get-environment")).toEqual([["A", "1"]]);
    expect(call("cli/environment#get-arguments")).toEqual(["x"]);
    expect(call("io/streams#[method]input-stream.read", call("cli/stdin#get-stdin"), 100n)).toEqual(bytes("in"));
  });

  test("make a pollable ready when its time has come", async () => {
    const call = world();
    const soon = call("clocks/monotonic-clock#subscribe-duration", 1_000_000n);
    await call("io/poll#[method]pollable.block", soon);
    expect(call("io/poll#[method]pollable.ready", soon)).toBe(true);
    const never = call("clocks/monotonic-clock#subscribe-duration", 2n ** 64n - 1n);
    expect(call("io/poll#[method]pollable.ready", never)).toBe(false);
    expect(call("io/poll#poll", [never, soon])).toEqual(Uint32Array.of(1));
  });
});

describe("a pollable", () => {
  test("of something pending is ready when that is done, and a poll ends with the first of several", async () => {
    const call = world();
    const { promise, resolve } = Promise.withResolvers<void>();
    let isDone = false;
    const pending = Pollable.of({
      get isDone() {
        return isDone;
      },
      done: promise,
    });
    const never = call("clocks/monotonic-clock#subscribe-duration", 2n ** 64n - 1n);
    const soon = call("clocks/monotonic-clock#subscribe-duration", 1_000_000n);
    expect(await call("io/poll#poll", [never, pending, soon])).toEqual(Uint32Array.of(2));
    expect(call("io/poll#[method]pollable.ready", pending)).toBe(false);
    const polled = call("io/poll#poll", [never, pending]);
    isDone = true;
    resolve();
    expect(await polled).toEqual(Uint32Array.of(1));
    await call("io/poll#[method]pollable.block", pending);
  });

  test("list without members stops the guest", () => {
    expect(() => world()("io/poll#poll", [])).toThrow(Trap);
  });
});

describe("files", () => {
  const fetched: string[] = [];
  const memory = memoryFiles(
    new Map([
      ["a/b.txt", bytes("hello")],
      ["c.txt", bytes("")],
      ["../x", bytes("never seen")],
    ]),
  );
  const files: FileSource = {
    list: () => memory.list(),
    read: (path) => {
      fetched.push(path);
      return path === "c.txt" ? Promise.resolve("access") : memory.read(path);
    },
  };
  const call = world({ files });
  const [[root]] = call("filesystem/preopens#get-directories") as [[unknown, string]];
  const method = async (name: string, ...args: readonly unknown[]): Promise<unknown> =>
    await call(`filesystem/types#[method]descriptor.${name}`, ...args);
  const open = (path: string, flags = {}, access = {}): Promise<unknown> =>
    method("open-at", root, {}, path, flags, access);
  const refuses = (called: Promise<unknown>, code: string): Promise<void> =>
    expect(called).rejects.toMatchObject({ value: code });

  test("are listed when a guest first looks, and fetched when it first reads", async () => {
    const file = await open("a/./b.txt");
    expect(await method("stat", file)).toMatchObject({ type: "regular-file", size: 5n });
    expect(fetched).toEqual([]);
    expect(await method("read", file, 3n, 1n)).toEqual([bytes("ell"), false]);
    expect(await method("read", file, 2n ** 64n - 1n, 2n)).toEqual([bytes("llo"), true]);
    expect(await method("read", file, 1n, 2n ** 64n - 1n)).toEqual([bytes(""), true]);
    const stream = await method("read-via-stream", file, 4n);
    expect(call("io/streams#[method]input-stream.read", stream, 9n)).toEqual(bytes("o"));
    expect(fetched).toEqual(["a/b.txt"]);
    expect(await method("is-same-object", file, await open("a/b.txt"))).toBe(true);
    expect(await method("metadata-hash", file)).toEqual(await method("metadata-hash-at", root, {}, "a/b.txt"));
    expect(await method("metadata-hash", file)).not.toEqual(await method("metadata-hash", root));
  });

  test("are listed by directory, without what isn't a relative path", async () => {
    const entries = await method("read-directory", root);
    const next = (): unknown => call("filesystem/types#[method]directory-entry-stream.read-directory-entry", entries);
    expect([next(), next(), next()]).toEqual([
      { type: "directory", name: "a" },
      { type: "regular-file", name: "c.txt" },
      undefined,
    ]);
  });

  test("can't be left, written or made", async () => {
    await refuses(open("../x"), "not-permitted");
    await refuses(open("a/../../x"), "not-permitted");
    await refuses(open("/etc/passwd"), "not-permitted");
    await refuses(open("missing"), "no-entry");
    await refuses(open(""), "no-entry");
    await refuses(open("c.txt/"), "not-directory");
    await refuses(open("c.txt/x"), "not-directory");
    await refuses(open("c.txt/../c.txt"), "not-directory");
    await refuses(open("x".repeat(5000)), "name-too-long");
    await refuses(open("c.txt", { directory: true }), "not-directory");
    await refuses(open("c.txt", {}, { write: true }), "read-only");
    await refuses(open("new", { create: true }), "read-only");
    await refuses(method("unlink-file-at", root, "c.txt"), "read-only");
    await refuses(method("read", root, 1n, 0n), "is-directory");
    await refuses(method("read", await open("c.txt"), 1n, 0n), "access");
  });

  test("are held up to a number of bytes", async () => {
    const small = world({ files: memory, maxBufferBytes: 4 });
    const [[top]] = small("filesystem/preopens#get-directories") as [[unknown, string]];
    const file = await small("filesystem/types#[method]descriptor.open-at", top, {}, "a/b.txt", {}, {});
    await expect(small("filesystem/types#[method]descriptor.read", file, 1n, 0n)).rejects.toMatchObject({
      value: "insufficient-memory",
    });
  });

  test("no path leads out of the tree, and those that lead somewhere lead where they say", async () => {
    const segment = constantFrom("a", "b.txt", "c.txt", "..", ".", "", "x", "%2e%2e", "..\\x", "\u0000");
    await assert(
      asyncProperty(array(segment, { maxLength: 8 }), async (segments) => {
        const path = segments.join("/");
        const found = await open(path).then(
          async (node) => ((await method("metadata-hash", node)) as { lower: bigint }).lower,
          (error: unknown) => (error as ComponentErr).value,
        );
        const expected = modelOf(path);
        if (expected === undefined) expect(typeof found).toBe("string");
        else expect(found).toBe(((await method("metadata-hash-at", root, {}, expected)) as { lower: bigint }).lower);
      }),
    );
  });
});

/** Where a path leads below the root, by the rules of POSIX; undefined where it leads nowhere or out. */
function modelOf(path: string): string | undefined {
  if (path === "" || path.startsWith("/")) return undefined;
  const directories = new Set([".", "./a"]);
  const all = new Set([...directories, "./a/b.txt", "./c.txt"]);
  let here = ".";
  for (const part of path.split("/")) {
    if (!directories.has(here)) return undefined;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (here === ".") return undefined;
      here = here.slice(0, here.lastIndexOf("/"));
    } else here = `${here}/${part}`;
    if (!all.has(here)) return undefined;
  }
  return here;
}
