import { describe, expect, test } from "vitest";
import type { RecordChange, RecordSpace } from "../src/session/records/space.ts";

/** Holds a database to what a store of records needs of it. Each call of `open` gives an empty space. */
export function recordSpaceContract(name: string, open: () => Promise<RecordSpace>): void {
  const at = (sort: string, body: RecordChange["body"], extra: Partial<RecordChange> = {}): RecordChange => {
    return { partition: "p", sort, body, ...extra };
  };
  let serial = 0;
  const write = (space: RecordSpace, ...changes: readonly RecordChange[]): Promise<boolean> =>
    space.write(changes, `v${++serial}`);

  describe(`${name} record space`, () => {
    test("write() puts, deletes and leaves records, and get() reads them in the order that is asked", async () => {
      await using space = await open();
      expect(await space.get([at("a", "")])).toEqual([undefined]);
      expect(await space.write([at("a", "1"), at("b", 'ü"\\u0000𝕏')], "first")).toBe(true);
      const [b, none, a] = await space.get([at("b", ""), { partition: "q", sort: "a" }, at("a", "")]);
      expect(b).toEqual({ partition: "p", sort: "b", body: 'ü"\\u0000𝕏', version: "first" });
      expect(none).toBeUndefined();
      expect(a?.body).toBe("1");
      expect(await write(space, at("a", null), at("none", null), at("b", undefined))).toBe(true);
      expect((await space.get([at("a", ""), at("b", "")])).map((record) => record?.version)).toEqual([
        undefined,
        "first",
      ]);
    });

    test("write() changes nothing where one record isn't as expected", async () => {
      await using space = await open();
      await space.write([at("a", "1")], "one");
      const refused: readonly (readonly RecordChange[])[] = [
        [at("b", "2"), at("a", "2", { expected: null })],
        [at("b", "2"), at("a", "2", { expected: "other" })],
        [at("b", "2"), at("a", undefined, { expected: null })],
        [at("b", "2"), at("c", undefined, { expected: "one" })],
        [at("b", "2"), at("c", null, { expected: "one" })],
        [at("b", "2"), at("a", null, { expected: "other" })],
      ];
      for (const changes of refused) expect(await write(space, ...changes)).toBe(false);
      expect((await space.scan({ partition: "p", limit: 9 })).map(({ sort, body }) => [sort, body])).toEqual([
        ["a", "1"],
      ]);
      expect(await write(space, at("b", "2", { expected: null }), at("a", undefined, { expected: "one" }))).toBe(true);
      expect(await write(space, at("a", null, { expected: "one" }))).toBe(true);
      expect((await space.scan({ partition: "p", limit: 9 })).map(({ sort }) => sort)).toEqual(["b"]);
    });

    test("a write that is asked for again is done once", async () => {
      await using space = await open();
      const changes = [at("a", "1", { expected: null }), at("b", null)];
      expect(await space.write(changes, "once")).toBe(true);
      expect(await space.write(changes, "once")).toBe(true);
      await space.write([at("a", "2")], "other");
      expect(await space.write(changes, "once")).toBe(true);
      expect((await space.get([at("a", "")]))[0]).toMatchObject({ body: "2", version: "other" });
    });

    test("of writes that expect the same record one is done", async () => {
      await using space = await open();
      const done = await Promise.all(
        Array.from({ length: 12 }, (_, n) => write(space, at("a", `${n}`, { expected: null }))),
      );
      expect(done.filter((isDone) => isDone)).toHaveLength(1);
    });

    test("scan() gives a partition's records in the order of their bytes, from either end", async () => {
      await using space = await open();
      const sorts = ["a", "a b", "aa", "b", "z", "ä", "𝕏"];
      await write(space, ...sorts.toReversed().map((sort) => at(sort, sort)), { partition: "q", sort: "a", body: "" });
      const scan = async (range: Partial<Parameters<RecordSpace["scan"]>[0]>): Promise<string[]> =>
        (await space.scan({ partition: "p", limit: 99, ...range })).map(({ sort }) => sort);
      expect(await scan({})).toEqual(sorts);
      expect(await scan({ isBackwards: true, limit: 2 })).toEqual(["𝕏", "ä"]);
      expect(await scan({ after: "a", before: "b" })).toEqual(["a b", "aa"]);
      expect(await scan({ after: "a", before: "b", isBackwards: true })).toEqual(["aa", "a b"]);
      expect(await scan({ after: "a0", limit: 1 })).toEqual(["aa"]);
      expect(await scan({ before: "aa" })).toEqual(["a", "a b"]);
      expect(await scan({ partition: "none" })).toEqual([]);
    });

    test("a write may hold what the limits say, and records as large as they say", async () => {
      await using space = await open();
      const { changes, recordBytes, bytes } = space.limits;
      const large = "x".repeat(recordBytes - 2);
      expect(await write(space, at("a", large))).toBe(true);
      const [read] = await space.get([at("a", "")]);
      expect(read?.body.length).toBe(large.length);
      const each = "y".repeat(Math.floor(bytes / changes) - 8);
      expect(await write(space, ...Array.from({ length: changes }, (_, n) => at(`m${n}`, each)))).toBe(true);
      const found = await space.scan({ partition: "p", after: "m", limit: changes + 1 });
      expect(found).toHaveLength(changes);
      expect(found.every(({ body }) => body === each)).toBe(true);
    });
  });
}
