import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonValue } from "./json.ts";
import { maskValues } from "./mask-values.ts";

test("maskValues() takes the texts of a value out of a line, the longest first, as JSON writes them too", () => {
  const value = { text: 'Ana "A." Lee', more: ["Ana", { city: "Rome, Italy" }, 12], tag: "ok" };
  expect(maskValues("ok: Rome, Italy for Ana", value)).toBe("ok: […] for Ana");
  expect(maskValues(`input ${JSON.stringify(value)}`, value)).toBe(
    'input {"text":"[…]","more":["Ana",{"city":"[…]"},12],"tag":"ok"}',
  );
  expect(maskValues("nothing of it", { deep: [null, true, 5] })).toBe("nothing of it");
});

test("maskValues() leaves no text of four letters and more, whatever the value", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.string(), (value, before) => {
      const texts: string[] = [];
      JSON.stringify(value, (_key, one: unknown) => {
        if (typeof one === "string" && one.trim().length >= 4) texts.push(one.trim());
        return one;
      });
      fc.pre(texts.every((text) => !"[…]".includes(text)));
      for (const text of texts) {
        const line = maskValues(`${before} ${text}.`, value as JsonValue);
        expect(line.includes(text) && !before.includes(text.slice(0, 1))).toBe(false);
      }
    }),
    { seed: 20_261_121 },
  );
});
