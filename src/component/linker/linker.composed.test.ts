import { parse } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, test } from "vitest";
import { ComponentErr, linkComponent, parseComponent } from "./index.ts";
import type { HostFunction, LinkedComponent } from "./index.ts";
import { ASKING } from "./testing/fixtures.ts";

const RUN = { interface: null, name: "run" };

describe.each([false, true])("components in components, async %s", (isAsync) => {
  let linked: LinkedComponent;

  beforeAll(async () => {
    const answerTo = (text: string): string => {
      if (text === "err") throw new ComponentErr("böse");
      return `${text} ✓`;
    };
    const host: HostFunction = {
      isAsync,
      call: (_state, [text]) =>
        isAsync ? Promise.resolve().then(() => answerTo(text as string)) : answerTo(text as string),
    };
    linked = linkComponent(parseComponent(await parse(ASKING)), () => host);
  });

  test("pass values on, each in its own encoding and memory", async () => {
    const instance = linked.instantiate(undefined);
    expect(await instance.call(RUN, ["größe 漢字 🌍"])).toBe("größe 漢字 🌍 ✓");
    await expect(instance.call(RUN, ["err"])).rejects.toMatchObject({ name: "ComponentErr", value: "böse" });
    expect(await instance.call(RUN, ["again"])).toBe("again ✓");
    expect(instance.stats.peakMemoryBytes).toBe(2 * 65_536);
  });

  test("give way while the inner one spins", async () => {
    const controller = new AbortController();
    const spinning = linked.instantiate(undefined).call(RUN, [""], { signal: controller.signal });
    const stopped = expect(spinning).rejects.toMatchObject({ name: "Trap", reason: "aborted" });
    expect(await linked.instantiate(undefined).call(RUN, ["other"])).toBe("other ✓");
    controller.abort();
    await stopped;
  });

  test("share one budget", async () => {
    const instance = linked.instantiate(undefined, { limits: { liftBudgetBytes: 60_000 } });
    await expect(instance.call(RUN, ["x".repeat(20_000)])).rejects.toMatchObject({
      name: "Trap",
      reason: "lift-budget",
    });
  });
});
