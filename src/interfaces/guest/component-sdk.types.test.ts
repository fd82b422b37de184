import { expectTypeOf, test } from "vitest";
import { defineComponent, s } from "./component-sdk.ts";
import type { Infer } from "./component-sdk.ts";

test("defineComponent() gives each operation the types of its own schemas", () => {
  defineComponent({
    name: "types",
    version: "1.0.0",
    config: s.object({ units: s.choice(["celsius", "fahrenheit"]), key: s.optional(s.string()) }),
    operations: {
      double: {
        input: s.object({ n: s.integer(), note: s.optional(s.string()) }),
        output: s.object({ n: s.integer() }),
        run: (input, ctx) => {
          expectTypeOf(input).toEqualTypeOf<{ readonly n: number; readonly note?: string }>();
          expectTypeOf(ctx.config.units).toEqualTypeOf<"celsius" | "fahrenheit">();
          return { n: input.n * 2 };
        },
      },
      join: {
        input: s.list(s.string()),
        output: s.string(),
        run(input, { config }) {
          expectTypeOf(input).toEqualTypeOf<readonly string[]>();
          return input.join(config.key ?? "");
        },
      },
      // @ts-expect-error -- what run gives isn't what output says
      wrong: { input: s.string(), output: s.object({ n: s.integer() }), run: () => ({ n: "text" }) },
    },
    setup: { questions: [{ id: "units", label: "q.units" }] },
  });
  defineComponent({
    name: "types",
    version: "1.0.0",
    config: s.object({ units: s.string() }),
    operations: {},
    // @ts-expect-error -- no such configuration property
    setup: { questions: [{ id: "nothing", label: "q.units" }] },
  });
  expectTypeOf<Infer<ReturnType<typeof s.boolean>>>().toEqualTypeOf<boolean>();
});
