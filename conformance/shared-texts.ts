import { describe, expect, test } from "vitest";
import type { SharedTexts } from "../src/files/index.ts";
import { changeText } from "../src/files/index.ts";

/** How the contract gets at a backend. */
export interface SharedTextsFactory {
  /** Opens the texts of a scope, as another process would; the same scope has the same texts. */
  readonly open: (scope: string) => Promise<SharedTexts>;
}

let scopes = 0;

/** Holds a place of shared texts to what `SharedText` promises. */
export function sharedTextsContract(name: string, { open }: SharedTextsFactory): void {
  describe(`${name}: shared texts`, () => {
    test("a text is what was written last, for everybody, by its name and scope", async () => {
      const scope = `s${++scopes}`;
      await using one = await open(scope);
      await using two = await open(scope);
      await using other = await open(`s${++scopes}`);
      expect(await one.of("a").read()).toBeUndefined();
      expect(await one.of("a").write("grüß {dich} 👋\n", undefined)).toBe(true);
      expect(await two.of("a").read()).toBe("grüß {dich} 👋\n");
      expect([await two.of("b").read(), await other.of("a").read()]).toEqual([undefined, undefined]);
      expect(await two.of("a").write("second", "grüß {dich} 👋\n")).toBe(true);
      expect(await one.of("a").read()).toBe("second");
    });

    test("who read something older writes nothing", async () => {
      await using texts = await open(`s${++scopes}`);
      const text = texts.of("a");
      expect(await text.write("x", "never there")).toBe(false);
      expect(await text.write("first", undefined)).toBe(true);
      expect(await text.write("lost", undefined)).toBe(false);
      expect(await text.write("lost", "other")).toBe(false);
      expect(await text.read()).toBe("first");
    });

    test("changes of many at once are all in it", async () => {
      const scope = `s${++scopes}`;
      const all = await Promise.all(Array.from({ length: 4 }, () => open(scope)));
      const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
      await Promise.all(
        names.map((added, n) =>
          changeText((all[n % all.length] as SharedTexts).of("a"), (now = "") => ({
            text: `${now}${added};`,
            value: undefined,
          })),
        ),
      );
      const text = (await all[0]?.of("a").read()) ?? "";
      expect(text.split(";").slice(0, -1).sort()).toEqual(names.sort());
      await Promise.all(all.map((texts) => texts[Symbol.asyncDispose]()));
    });
  });
}
