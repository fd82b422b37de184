import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPeers } from "../../../test/peers/load-peer.ts";
import { openFaultProxy } from "../../../test/stand-ins/fault-proxy.ts";
import { startLibsql } from "../../../test/stand-ins/libsql-server.ts";
import type { LibsqlServer } from "../../../test/stand-ins/libsql-server.ts";
import { createMachineWorld } from "../../../test/stand-ins/machine-world.ts";
import { freePort } from "../../../test/stand-ins/server-program.ts";
import { verifies } from "../../../test/verifies.ts";
import type { RecordSpace } from "../records/space.ts";
import { isUnavailable } from "../records/records.ts";
import { openLibsqlSpace } from "./libsql-space.ts";
import { parseLibsqlUrl } from "./libsql-url.ts";

const sdkDir = new URL("../../../test/peers", import.meta.url).pathname;
const world = createMachineWorld();
const token = "a-token-that-nobody-reads";
const UNAVAILABLE = { code: "STORE_UNAVAILABLE" };
const KEY = { partition: "p", sort: "a" };

describe.skipIf(!hasPeers)("a libSQL server (skipped where npm run peers has not been run)", () => {
  let server: LibsqlServer;
  beforeAll(async () => {
    server = await startLibsql({ token, answerBytes: 100_000, streamMs: 300 });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const open = (prefix: string, options: object = {}): Promise<RecordSpace> =>
    openLibsqlSpace({ url: server.url, token, prefix, sdkDir, world, ...options });
  /** Asks the server as any other client may. */
  const sql = async (text: string, baton?: string): Promise<{ readonly baton: string; readonly results: unknown }> => {
    const response = await fetch(`${server.url}/v2/pipeline`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ baton, requests: [{ type: "execute", stmt: { sql: text } }] }),
    });
    return (await response.json()) as never;
  };

  test("hosts that start at once make one store", async () => {
    verifies("stores.libsql.schema");
    const spaces = await Promise.all(Array.from({ length: 6 }, () => open("together")));
    const won = await Promise.all(
      spaces.map((space, n) => space.write([{ ...KEY, body: `${n}`, expected: null }], `first-${n}`)),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    await using another = await open("apart");
    expect(await another.get([KEY])).toEqual([undefined]);
    for (const space of spaces) await space[Symbol.asyncDispose]();
  });

  test("a newer layout is left alone, and a closed space asks nothing", async () => {
    verifies("stores.libsql.schema");
    const space = await open("newer");
    await sql(`UPDATE "newer_meta" SET layout = 2`);
    await expect(open("newer")).rejects.toMatchObject({ code: "STORE_SCHEMA_NEWER" });
    await space[Symbol.asyncDispose]();
    await expect(space.get([KEY])).rejects.toMatchObject(UNAVAILABLE);
  });

  test("no message tells the token, whoever refuses it", async () => {
    verifies("stores.libsql.token");
    const wrong = "another-token-of-somebody";
    const refused = await open("secret", { token: wrong }).catch((error: unknown) => error);
    expect(refused).toMatchObject(UNAVAILABLE);
    expect(String(refused)).toContain("refuses the token (401)");
    const gone = await open("secret", { url: `http://127.0.0.1:${await freePort()}`, token: wrong }).catch(
      (error: unknown) => error,
    );
    expect(gone).toMatchObject({ ...UNAVAILABLE, cause: { message: "ECONNREFUSED" } });
    for (const url of [
      `libsql://host?authToken=${wrong}`,
      `https://me:${wrong}@host`,
      `${wrong}://host`,
      `libsql://${wrong}@h`,
    ]) {
      expect(() => parseLibsqlUrl(url)).toThrow(expect.objectContaining({ code: "STORE_URL_INVALID" }) as Error);
      expect(String(catchError(() => parseLibsqlUrl(url)))).not.toContain(wrong);
    }
    for (const error of [refused, gone]) {
      const { cause } = error as Error;
      expect(`${String(error)} ${String((error as Error).stack)} ${String(cause)}`).not.toContain(wrong);
    }
    expect(parseLibsqlUrl("libsql://db-org.turso.io")).toBe("https://db-org.turso.io/");
  });

  test("what another writer has locked is waited for; a stream that nobody asks any more keeps nothing", async () => {
    await using space = await open("locked");
    const { baton } = await sql("BEGIN IMMEDIATE");
    await sql(`DELETE FROM "locked_records"`, baton);
    // Nobody commits it: the lock is free when the stream expires.
    expect(await space.write([{ ...KEY, body: "1", expected: null }], "behind")).toBe(true);
    expect((await space.get([KEY]))[0]?.body).toBe("1");
  });

  test("answers that are too large come in parts", async () => {
    await using space = await open("large");
    const sorts = Array.from({ length: 12 }, (_, n) => `s${String(n).padStart(2, "0")}`);
    for (const sort of sorts) await space.write([{ partition: "p", sort, body: sort.padEnd(30_000) }], `w-${sort}`);
    const names = async (range: object): Promise<string[]> =>
      (await space.scan({ partition: "p", limit: 50, ...range })).map(({ sort }) => sort);
    expect(await names({})).toEqual(sorts);
    expect(await names({ isBackwards: true, limit: 7 })).toEqual(sorts.toReversed().slice(0, 7));
    expect(await names({ after: "s01", before: "s09", limit: 9 })).toEqual(sorts.slice(2, 9));
    const found = await space.get(sorts.map((sort) => ({ partition: "p", sort })));
    expect(found.map((record) => record?.sort)).toEqual(sorts);
  });

  test.each([
    [500, UNAVAILABLE],
    [404, UNAVAILABLE],
    [429, UNAVAILABLE],
  ])("a server that answers %i is told as what it is", { timeout: 20_000 }, async (status, expected) => {
    await using space = await open("failing");
    server.failing = status;
    try {
      await expect(space.get([KEY])).rejects.toMatchObject(expected);
    } finally {
      server.failing = undefined;
    }
    expect(await space.get([KEY])).toEqual([undefined]);
  });

  test("a write whose answer was lost is done once, and one that was refused never happens late", async () => {
    verifies("stores.libsql.again");
    await using proxy = await openFaultProxy(server);
    await using far = await open("lost", { url: `http://127.0.0.1:${proxy.port}` });
    await using near = await open("lost");
    const changes = [{ ...KEY, body: "mine", expected: null }];
    const before = server.commits;
    proxy.set({ kind: "unanswered" });
    const asked = far.write(changes, "lost-1").catch((error: unknown) => error);
    const isTold = (answer: unknown): boolean => answer === true || isUnavailable(answer);
    await expect.poll(() => server.commits).toBe(before + 1);
    proxy.set({ kind: "none" });
    expect(await asked).toSatisfy(isTold);
    expect(await near.write([{ ...KEY, body: null }], "other")).toBe(true);
    // Its condition would hold again.
    expect(await far.write(changes, "lost-1")).toBe(true);
    expect(await near.get([KEY])).toEqual([undefined]);

    // One that never arrived is told to be refused by the time it is asked again: nobody lets it in later.
    proxy.set({ kind: "silent" });
    const silent = far.write(changes, "late-1").catch((error: unknown) => error);
    expect(await silent).toMatchObject(UNAVAILABLE);
    proxy.set({ kind: "none" });
    await near.write([{ ...KEY, body: "theirs" }], "third");
    expect(await far.write(changes, "late-1")).toBe(false);
    await near.write([{ ...KEY, body: null }], "fourth");
    // As the straggler would arrive: by any other way in.
    expect(await near.write(changes, "late-1")).toBe(true);
    expect(await near.get([KEY])).toEqual([undefined]);
  });

  test("old stamps are forgotten, young ones are not", async () => {
    await using first = await open("stamps");
    await first.write([{ ...KEY, body: "1" }], "young");
    await sql(`INSERT INTO "stamps_stamps" (write, at, fate) VALUES ('old', unixepoch() - 601, 1)`);
    await using second = await open("stamps");
    await second.write([{ ...KEY, body: "2" }], "second");
    const left = JSON.stringify((await sql(`SELECT write FROM "stamps_stamps" ORDER BY write`)).results);
    expect(left).toContain('"second"');
    expect(left).toContain('"young"');
    expect(left).not.toContain('"old"');
  });
});

function catchError(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
