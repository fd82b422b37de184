import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentHost, HostServices } from "../host.ts";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import { ProcessComponentHost } from "../process/process-host.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { buildOwnWorld } from "../testing/own-world.ts";

const IMPORTS = [
  "wasi:filesystem/preopens@0.2.12",
  "wasi:filesystem/types@0.2.12",
  "wasi:io/streams@0.2.12",
  "wasi:cli/environment@0.2.12",
  "wasi:sockets/instance-network@0.2.12",
  "wasi:sockets/tcp-create-socket@0.2.12",
  "wasi:sockets/ip-name-lookup@0.2.12",
  "wasi:random/random@0.2.12",
];
const SOURCE = `
import { getDirectories } from "wasi:filesystem/preopens@0.2.12";
import { getEnvironment, getArguments } from "wasi:cli/environment@0.2.12";
import { instanceNetwork } from "wasi:sockets/instance-network@0.2.12";
import { createTcpSocket } from "wasi:sockets/tcp-create-socket@0.2.12";
import { resolveAddresses } from "wasi:sockets/ip-name-lookup@0.2.12";
import { getRandomBytes } from "wasi:random/random@0.2.12";
import { decodeUtf8, encodeUtf8 } from "@greentic/guest";

let calls = 0;
const root = () => getDirectories()[0]![0];
const open = (path: string, flags = {}, access = {}) => root().openAt({}, path, flags, access);
function list(directory: any, at: string): string[] {
  const found: string[] = [];
  const entries = directory.readDirectory();
  for (let entry = entries.readDirectoryEntry(); entry !== null && entry !== undefined; entry = entries.readDirectoryEntry()) {
    const path = at + entry.name;
    found.push(path);
    if (entry.type === "directory") found.push(...list(directory.openAt({}, entry.name, { directory: true }, {}), path + "/"));
  }
  return found;
}
const acts: Record<string, (argument: any) => unknown> = {
  preopens: () => getDirectories().map(([, path]: any) => path),
  list: () => list(root(), "/"),
  count: () => ++calls,
  read: (path) => thrown(() => {
    const file = open(path);
    const stream = file.readViaStream(1);
    return [decodeUtf8(file.read(1000, 0)[0]), decodeUtf8(stream.blockingRead(3)), file.stat().type, file.stat().size];
  }),
  write: () => [
    thrown(() => open("a.txt", {}, { write: true })),
    thrown(() => open("new", { create: true })),
    thrown(() => root().createDirectoryAt("d")),
    thrown(() => root().unlinkFileAt("a.txt")),
    thrown(() => root().renameAt("a.txt", root(), "b.txt")),
    thrown(() => open("a.txt").write(encodeUtf8("x"), 0)),
    thrown(() => open("a.txt").setSize(0)),
  ],
  world: () => [
    getEnvironment(), getArguments(),
    thrown(() => createTcpSocket("ipv4")), thrown(() => resolveAddresses(instanceNetwork(), "localhost")),
  ],
  random: (count) => getRandomBytes(count).length,
};`;

const FILES = new Map([
  ["assets/a.txt", Buffer.from("hello")],
  ["assets/deep/er/b.txt", Buffer.from("below")],
  ["assets/listed-only.txt", Buffer.from("")],
]);

let version = "";

function services(asked: string[]): HostServices {
  return {
    ...memoryServices(),
    assetList: async () => {
      asked.push("list");
      const files = [...FILES].map(([path, bytes]) => ({ path, sizeBytes: bytes.length }));
      return [...files, { path: "manifest.cbor", sizeBytes: 1 }, { path: "assets/../secret", sizeBytes: 1 }];
    },
    asset: async (path) => {
      asked.push(path);
      if (path === "assets/a.txt") return Buffer.from(`hello${version}`);
      return path === "assets/listed-only.txt" ? undefined : FILES.get(path);
    },
  };
}

let guest: { readonly bytes: Uint8Array; readonly sha256: string };
beforeAll(async () => {
  guest = await buildOwnWorld(IMPORTS, SOURCE);
}, 60_000);

describe.each([
  ["ProcessComponentHost", () => new ProcessComponentHost({ poolSize: 1 })],
  ["InProcessComponentHost", () => new InProcessComponentHost()],
] satisfies [string, () => ComponentHost][])("%s", (_name, make) => {
  let host: ComponentHost;
  beforeAll(async () => {
    host = make();
    // WASI needs no grant: what it reaches by itself is nothing.
    await host.admit(guest.bytes, NO_GRANTS);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const call = async (
    act: string,
    argument: JsonValue = null,
    {
      grants = { ...NO_GRANTS, assets: true },
      asked = [],
      reuse = "none" as const,
    }: Partial<{ grants: ComponentGrants; asked: string[]; reuse: "none" | "tenant" }> = {},
  ): Promise<unknown> => {
    const result = await host.invoke(ctxOf(), {
      sha256: guest.sha256,
      component: "guest",
      operation: "execute",
      input: { content: JSON.stringify({ act, argument }) },
      grants,
      services: services(asked),
      reuse,
      timeoutMs: 5000,
    });
    return result.kind === "ok" ? result.output : result.error;
  };

  test("the pack's assets are files below /assets, and nothing else is", async () => {
    expect(await call("preopens")).toEqual(["/assets"]);
    expect(await call("list")).toEqual(["/a.txt", "/deep", "/deep/er", "/deep/er/b.txt", "/listed-only.txt"]);
  });

  test("a file is asked for when it is read, once", async () => {
    const asked: string[] = [];
    expect(await call("read", "deep/./er/b.txt", { asked })).toEqual(["below", "elo", "regular-file", 5]);
    expect(asked).toEqual(["list", "assets/deep/er/b.txt"]);
  });

  test("an instance that serves again reads the files of the call that it serves", async () => {
    const warm = { reuse: "tenant" } as const;
    expect(await call("count", null, warm)).toBe(1);
    expect(await call("read", "a.txt", warm)).toEqual(["hello", "ell", "regular-file", 5]);
    version = " again";
    expect(await call("read", "a.txt", warm)).toEqual(["hello again", "ell", "regular-file", 5]);
    version = "";
    expect(await call("count", null, warm)).toBe(2);
  });

  test("no path leads out", async () => {
    for (const path of ["../a.txt", "deep/../../a.txt", "/etc/hostname", "/assets/a.txt"]) {
      expect(await call("read", path)).toEqual({ thrown: "not-permitted" });
    }
    for (const path of ["manifest.cbor", "secret", "assets/a.txt", "..\\a.txt", "listed-only.txt", "missing"]) {
      expect(await call("read", path)).toEqual({ thrown: "no-entry" });
    }
  });

  test("nothing can be written", async () => {
    expect(await call("write")).toEqual(Array.from({ length: 7 }, () => ({ thrown: "read-only" })));
  });

  test("without the grant there is no directory", async () => {
    const asked: string[] = [];
    expect(await call("preopens", null, { grants: NO_GRANTS, asked })).toEqual([]);
    expect(asked).toEqual([]);
  });

  test("the world has no environment and no network", async () => {
    expect(await call("world")).toEqual([[], [], { thrown: "access-denied" }, { thrown: "access-denied" }]);
  });

  test("random bytes are given up to a number", async () => {
    expect(await call("random", 65_536)).toBe(65_536);
    expect(await call("random", Number.MAX_SAFE_INTEGER)).toMatchObject({
      code: "COMPONENT_TRAPPED",
      details: { reason: "host" },
    });
  });
});
