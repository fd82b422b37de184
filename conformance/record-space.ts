import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RecordChange, RecordKey, RecordSpace, StoredRecord } from "../src/session/records/space.ts";
import { isGreenticError } from "../src/types/index.ts";

/** How the contract gets at a database of records. */
export interface SpaceFactory {
  /** Opens an empty space; each call another one. */
  readonly open: () => Promise<RecordSpace>;
  /** Opens the same records as another process would. */
  readonly again: (space: RecordSpace) => Promise<RecordSpace>;
  /** How far its time may be from ours, in milliseconds, where both are one machine's. */
  readonly clockMs: number;
}

const put = (sort: string, body: string, expected?: string | null): RecordChange => ({
  partition: "p",
  sort,
  body,
  ...(expected !== undefined && { expected }),
});
const key = (sort: string, partition = "p"): RecordKey => ({ partition, sort });
const bodies = (records: readonly (StoredRecord | undefined)[]): unknown[] => records.map((record) => record?.body);
const sorts = (records: readonly StoredRecord[]): string[] => records.map(({ sort }) => sort);

const TRIES = 5;
let serial = 0;
/** Writes under a name of its own, and asks again where so many want the same that nobody can tell. */
async function write(space: RecordSpace, changes: readonly RecordChange[]): Promise<boolean> {
  const version = `v${++serial}`;
  for (let tries = 0; ; tries++) {
    try {
      return await space.write(changes, version);
    } catch (error) {
      if (tries === TRIES || !isGreenticError(error) || error.code !== "STORE_UNAVAILABLE") throw error;
    }
  }
}

async function versionOf(space: RecordSpace, sort: string): Promise<string> {
  const [record] = await space.get([key(sort)]);
  if (record === undefined) throw new Error(`expected a record ${sort}`);
  return record.version;
}

/** Holds a database of records to every promise of the seam. */
export function recordSpaceContract(name: string, { open, again, clockMs }: SpaceFactory): void {
  describe(`${name} record space`, () => {
    test("get() gives records in the order of the keys, and undefined where there is none", async () => {
      await using space = await open();
      expect(await write(space, [put("a", "1"), put("b", "2"), { ...key("a", "q"), body: "3" }])).toBe(true);
      const found = await space.get([key("b"), key("none"), key("a"), key("a", "q"), key("b", "q"), key("b")]);
      expect(bodies(found)).toEqual(["2", undefined, "1", "3", undefined, "2"]);
      expect(found[0]).toMatchObject({ partition: "p", sort: "b" });
      expect(await space.get([])).toEqual([]);
    });

    test("write() gives what it puts its own name for a version, and nothing else", async () => {
      await using space = await open();
      await space.write([put("a", "1"), put("b", "1")], "first");
      await space.write([put("b", "2"), { ...key("a"), body: undefined, expected: "first" }], "second");
      expect(await versionOf(space, "a")).toBe("first");
      expect(await versionOf(space, "b")).toBe("second");
      const longest = "0123456789abcdef-0123456789abcdef-ABC";
      await space.write([put("a", "2")], longest.slice(0, 36));
      expect(await versionOf(space, "a")).toBe(longest.slice(0, 36));
    });

    test("a write that is asked for again is done once, whoever came between and whatever it expects", async () => {
      await using space = await open();
      const changes = [put("a", "1", null), { ...key("b"), body: null }];
      expect(await space.write(changes, "once")).toBe(true);
      expect(await space.write(changes, "once")).toBe(true);
      await space.write([put("a", "2", "once"), put("b", "2")], "other");
      expect(await space.write(changes, "once")).toBe(true);
      expect(bodies(await space.get([key("a"), key("b")]))).toEqual(["2", "2"]);
      // What was asked side by side is done once too, and told alike.
      const both = [put("c", "1", null), put("a", "3")];
      expect(await Promise.all([space.write(both, "twin"), space.write(both, "twin")])).toEqual([true, true]);
      expect(await versionOf(space, "c")).toBe("twin");
    });

    test("records of a partition lie in the order of their UTF-8 bytes, ranges are open at both ends and go both ways", async () => {
      await using space = await open();
      // UTF-16 would put the last one before the one before it.
      const order = ["!", "A", "Z", "a", "a!", "a/b", "aa", "b", "z\u007f", "é", "€", "\uffee", "😀"];
      await write(
        space,
        order.toReversed().map((sort) => put(sort, sort)),
      );
      await write(space, [
        { ...key("a", "o"), body: "x" },
        { ...key("a", "q"), body: "x" },
      ]);
      const range = { partition: "p", limit: 99 };
      expect(sorts(await space.scan(range))).toEqual(order);
      expect(sorts(await space.scan({ ...range, isBackwards: true }))).toEqual(order.toReversed());
      expect(sorts(await space.scan({ ...range, after: "a", before: "é" }))).toEqual([
        "a!",
        "a/b",
        "aa",
        "b",
        "z\u007f",
      ]);
      expect(sorts(await space.scan({ ...range, after: "a", before: "é", limit: 2 }))).toEqual(["a!", "a/b"]);
      expect(sorts(await space.scan({ ...range, after: "a", before: "é", limit: 2, isBackwards: true }))).toEqual([
        "z\u007f",
        "b",
      ]);
      expect(sorts(await space.scan({ ...range, after: "a " }))).toEqual(order.slice(4));
      expect(sorts(await space.scan({ ...range, before: "A" }))).toEqual(["!"]);
      expect(await space.scan({ ...range, after: "😀" })).toEqual([]);
      expect(await space.scan({ ...range, after: "b", before: "b" })).toEqual([]);
      expect(await space.scan({ ...range, after: "c", before: "b" })).toEqual([]);
      expect(await space.scan({ ...range, limit: 0 })).toEqual([]);
      expect(await space.scan({ partition: "nobody", limit: 9 })).toEqual([]);
    });

    test("bodies come back as they were written", async () => {
      await using space = await open();
      const texts = ["", "{}", 'quotes " and \\ and\nlines', "ü€😀\u2028", "0", "null", " x "];
      await write(
        space,
        texts.map((text, n) => put(`t${n}`, text)),
      );
      expect(bodies(await space.get(texts.map((_, n) => key(`t${n}`))))).toEqual(texts);
    });

    test("write() puts, replaces, deletes, and looks at what it leaves", async () => {
      await using space = await open();
      await write(space, [put("a", "1"), put("b", "1"), put("c", "1")]);
      const version = await versionOf(space, "c");
      expect(
        await write(space, [
          put("a", "2"),
          { ...key("b"), body: null },
          { ...key("c"), body: undefined, expected: version },
        ]),
      ).toBe(true);
      expect(bodies(await space.get([key("a"), key("b"), key("c")]))).toEqual(["2", undefined, "1"]);
      expect(await versionOf(space, "c")).toBe(version);
      expect(await write(space, [{ ...key("b"), body: null }])).toBe(true);
      expect(await write(space, [])).toBe(true);
    });

    test.each([
      ["one that must not be there", (): RecordChange => put("a", "x", null)],
      ["one of another version", (): RecordChange => put("a", "x", "another")],
      ["one that must be there and isn't", (): RecordChange => put("none", "x", "another")],
      [
        "one that is deleted at another version",
        (): RecordChange => ({ ...key("a"), body: null, expected: "another" }),
      ],
      ["one that is looked at alone", (): RecordChange => ({ ...key("a"), body: undefined, expected: null })],
    ])("write() changes nothing at all where a record isn't as expected: %s", async (_what, bad) => {
      await using space = await open();
      await write(space, [put("a", "1"), put("b", "1")]);
      const before = await space.scan({ partition: "p", limit: 9 });
      expect(await write(space, [put("n", "new", null), put("b", "2"), bad()])).toBe(false);
      expect(await write(space, [bad(), { ...key("b"), body: null }])).toBe(false);
      expect(await write(space, [bad()])).toBe(false);
      expect(await space.scan({ partition: "p", limit: 9 })).toEqual(before);
    });

    test("write() goes on from the version that was read, once", async () => {
      await using space = await open();
      expect(await write(space, [put("a", "1", null)])).toBe(true);
      const version = await versionOf(space, "a");
      expect(await write(space, [put("a", "2", version)])).toBe(true);
      expect(await write(space, [put("a", "3", version)])).toBe(false);
      expect(await write(space, [{ ...key("a"), body: null, expected: version }])).toBe(false);
      expect(await write(space, [{ ...key("a"), body: null, expected: await versionOf(space, "a") }])).toBe(true);
      expect(await write(space, [put("a", "4", null)])).toBe(true);
    });

    test("of writers that start from the same version one wins", async () => {
      await using space = await open();
      await using other = await again(space);
      await write(space, [put("a", "0"), put("b", "0")]);
      for (let round = 0; round < 5; round++) {
        const version = await versionOf(space, "a");
        const won = await Promise.all(
          Array.from({ length: 8 }, (_, n) =>
            write(n % 2 === 0 ? space : other, [put("a", `${round}-${n}`, version), put("b", `${round}-${n}`)]),
          ),
        );
        expect(won.filter(Boolean)).toHaveLength(1);
        const winner = `${round}-${won.indexOf(true)}`;
        expect(bodies(await other.get([key("a"), key("b")]))).toEqual([winner, winner]);
      }
    });

    test("counters that many raise at once lose nothing, and every read sees what resolved before", async () => {
      await using space = await open();
      await using other = await again(space);
      await write(space, [put("n", "0")]);
      const raise = async (by: RecordSpace): Promise<void> => {
        for (;;) {
          const [at] = await by.get([key("n")]);
          const next = Number(at?.body) + 1;
          if (!(await write(by, [put("n", String(next), at?.version ?? null), put(`log${next}`, "x", null)]))) continue;
          const [seen] = await space.get([key("n")]);
          expect(Number(seen?.body)).toBeGreaterThanOrEqual(next);
          return;
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, n) => raise(n % 2 === 0 ? space : other)));
      expect(bodies(await space.get([key("n")]))).toEqual(["12"]);
      expect(await space.scan({ partition: "p", after: "log", before: "loh", limit: 99 })).toHaveLength(12);
    });

    test("as many changes as the limits say happen at once, larger writes are refused before they are sent", async () => {
      await using space = await open();
      const { changes, bytes, recordBytes } = space.limits;
      const many = Array.from({ length: changes }, (_, n) => put(`m${String(n).padStart(4, "0")}`, "x", null));
      expect(await write(space, many)).toBe(true);
      expect(await write(space, many)).toBe(false);
      expect(await space.scan({ partition: "p", limit: changes + 9 })).toHaveLength(changes);
      expect((await space.get(many)).filter((record) => record === undefined)).toEqual([]);
      await expect(write(space, [...many, put("z", "x")])).rejects.toThrow(RangeError);
      const large = put("large", "ü".repeat(Math.floor((recordBytes - 8) / 2)));
      expect(await write(space, [large])).toBe(true);
      expect(bodies(await space.get([key("large")]))).toEqual([large.body]);
      await expect(write(space, [put("large", `${large.body ?? ""}ü…ü…`)])).rejects.toThrow(RangeError);
      const count = Math.floor(bytes / recordBytes);
      const full = Array.from({ length: count }, (_, n) => ({ ...large, sort: `f${n}` }));
      expect(await write(space, full)).toBe(true);
      const found = await space.scan({ partition: "p", after: "f", before: "g", limit: count + 1 });
      expect(found).toHaveLength(count);
      expect(found.every(({ body }) => body === large.body)).toBe(true);
      await expect(write(space, [...full, { ...large, sort: "more" }, { ...large, sort: "moreover" }])).rejects.toThrow(
        RangeError,
      );
      expect(await space.get([key("z"), key("more")])).toEqual([undefined, undefined]);
    });

    test("nowMs() follows the database's clock", async () => {
      await using space = await open();
      await write(space, [put("a", "1")]);
      expect(Math.abs(space.nowMs() - Date.now())).toBeLessThan(clockMs);
    });

    test("whatever is done in whatever order, all that is there is what a map would hold", async () => {
      await using space = await open();
      await using other = await again(space);
      const sort = fc.constantFrom("a", "b", "ba", "c", "é");
      const change = fc.record({
        sort,
        body: fc.oneof(fc.constant(null), fc.constant(undefined), fc.constantFrom("1", "2")),
        expects: fc.constantFrom("any", "right", "none", "wrong"),
      });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.uniqueArray(change, { selector: (one) => one.sort, minLength: 1 }), { maxLength: 6 }),
          async (writes) => {
            const partition = `model${++round}`;
            const model = new Map<string, string>();
            for (const [n, wishes] of writes.entries()) {
              const by = n % 2 === 0 ? space : other;
              const found = new Map((await by.scan({ partition, limit: 9 })).map((record) => [record.sort, record]));
              expect(new Map([...found].map(([at, { body }]) => [at, body]))).toEqual(model);
              const changes = wishes.map(({ sort: at, body, expects }): RecordChange => {
                const version = found.get(at)?.version ?? null;
                const wrong = version === null ? "nothing" : null;
                const expected = { right: version, none: null, wrong, any: undefined }[expects];
                return { partition, sort: at, body, ...(expected !== undefined && { expected }) };
              });
              const holds = changes.every(
                (one) => one.expected === undefined || one.expected === (found.get(one.sort)?.version ?? null),
              );
              expect(await write(by, changes)).toBe(holds);
              if (!holds) continue;
              for (const { sort: at, body } of changes) {
                if (body === null) model.delete(at);
                else if (body !== undefined) model.set(at, body);
              }
            }
            const left = await space.scan({ partition, limit: 9 });
            expect(left.map(({ sort: at, body }) => [at, body])).toEqual(
              [...model].toSorted(([a], [b]) => (a < b ? -1 : 1)),
            );
          },
        ),
        { numRuns: 25 },
      );
    });
  });
}
