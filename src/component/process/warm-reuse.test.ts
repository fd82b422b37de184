import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue, TenantCtx } from "../../types/index.ts";
import { envId } from "../../types/index.ts";
import type { ComponentCall, ComponentHost, ComponentResult } from "../host.ts";
import { ALL_GRANTS, callOf, ctxOf } from "../testing/call-support.ts";
import { hostileGuest } from "../testing/hostile-guest.ts";
import { InProcessComponentHost } from "./in-process-host.ts";
import { Invocation } from "./invocation.ts";
import { ProcessComponentHost } from "./process-host.ts";
import { ComponentRuntime } from "./runtime.ts";
import type { WarmLimits } from "./warm-instances.ts";
import { WARM_LIMITS } from "./warm-instances.ts";
import { verifies } from "../../../test/verifies.ts";

let bytes: Uint8Array;
let sha256: string;
beforeAll(async () => {
  ({ bytes, sha256 } = await hostileGuest());
});

const outputOf = (result: ComponentResult): unknown => (result.kind === "ok" ? result.output : result.error);
const hosts: readonly (readonly [string, () => ComponentHost])[] = [
  ["ProcessComponentHost", () => new ProcessComponentHost({ poolSize: 2 })],
  ["InProcessComponentHost", () => new InProcessComponentHost()],
];

describe.each(hosts)("%s", (_name, open) => {
  let host: ComponentHost;
  beforeAll(async () => {
    host = open();
    await host.admit(bytes, ALL_GRANTS);
  });
  afterAll(() => host[Symbol.asyncDispose]());
  const act = async (
    name: string,
    argument: JsonValue = null,
    { ctx = ctxOf(), ...extra }: Partial<ComponentCall> & { readonly ctx?: TenantCtx } = {},
  ): Promise<unknown> =>
    outputOf(
      await host.invoke(ctx, callOf(sha256, { act: name, argument }, { reuse: "tenant", pack: "p1", ...extra })),
    );

  test("what a guest kept is there for its tenant's next call where the pack asks for that, and nowhere else", async () => {
    verifies("component.reuse", "security.isolation");
    expect(await act("plant", "secret of acme")).toBeNull();
    expect(await act("planted")).toBe("secret of acme");
    expect(await act("planted", null, { reuse: "none" })).toBeNull();
    expect(await act("planted", null, { ctx: ctxOf("other") })).toBeNull();
    expect(await act("planted", null, { ctx: { ...ctxOf(), env: envId("prod") } })).toBeNull();
    expect(await act("planted", null, { pack: "p2" })).toBeNull();
    expect(await act("planted", null, { grants: { ...ALL_GRANTS, secrets: [] } })).toBeNull();
    expect(await act("planted", null, { component: "renamed" })).toBeNull();
    expect(await act("planted")).toBe("secret of acme");
  });

  test("each call of a warm instance has a log, counts and host calls of its own", async () => {
    const ctx = ctxOf("stats");
    const invoke = (): Promise<ComponentResult> =>
      host.invoke(ctx, callOf(sha256, { act: "log", argument: [700, "x".repeat(90)] }, { reuse: "tenant" }));
    const first = await invoke();
    const second = await invoke();
    expect(second.stats.log).toBe(first.stats.log);
    expect(second.stats.log.length).toBeGreaterThan(60_000);
    expect(second.stats.hostCalls).toEqual(first.stats.hostCalls);
    expect(second.stats.fuel).toBeGreaterThan(0);
    expect(second.stats.fuel).toBeLessThan(1.5 * first.stats.fuel);
  });

  test("calls at once never share an instance", async () => {
    const ctx = ctxOf("crowd");
    const answers = await Promise.all(Array.from({ length: 6 }, () => act("read", "k", { ctx })));
    // A second call in a busy instance would have ended in a trap.
    expect(answers).toEqual(
      Array.from({ length: 6 }, () => ({ thrown: expect.objectContaining({ code: "not_found" }) })),
    );
  });

  test.each([
    ["spin", null, "COMPONENT_DEADLINE_EXCEEDED"],
    ["recurse", null, "COMPONENT_TRAPPED"],
    ["fail", "thrown", "COMPONENT_TRAPPED"],
  ])("an instance whose call ended badly (%s) serves nobody again", async (name, argument, code) => {
    const ctx = ctxOf(`bad-${name}`);
    await act("plant", "before", { ctx });
    expect(await act(name, argument, { ctx, timeoutMs: 400 })).toMatchObject({ code });
    expect(await act("planted", null, { ctx })).toBeNull();
  });
});

describe("ComponentRuntime", () => {
  const runtimeWith = (limits: Partial<WarmLimits>): ((name: string, argument?: JsonValue) => Promise<unknown>) => {
    const runtime = new ComponentRuntime({}, { ...WARM_LIMITS, ...limits });
    runtime.admit(bytes);
    return async (name, argument = null) => {
      const run = new Invocation(ctxOf(), callOf(sha256, { act: name, argument }, { reuse: "tenant" })).begin();
      const port = { ask: () => Promise.reject(new Error("none")), log: () => undefined };
      return outputOf(await runtime.run(run, port));
    };
  };

  test("an instance is let go of after its number of calls", async () => {
    const act = runtimeWith({ maxCalls: 3 });
    const counts: unknown[] = [];
    for (let call = 0; call < 7; call++) counts.push(await act("count"));
    expect(counts).toEqual([1, 2, 3, 1, 2, 3, 1]);
  });

  test("an instance is let go of where its memory has grown too far", async () => {
    const act = runtimeWith({ maxGrowthBytes: 4 << 20 });
    expect(await act("count")).toBe(1);
    expect(await act("hold", 1 << 20)).toBe(1 << 20);
    expect(await act("count")).toBe(2);
    expect(await act("hold", 8 << 20)).toBe(8 << 20);
    expect(await act("count")).toBe(1);
  });

  test("an instance is let go of where it is idle, or where all idle ones are too large", async () => {
    const idle = runtimeWith({ idleMs: 1 });
    expect(await idle("count")).toBe(1);
    await new Promise((later) => setTimeout(later, 20));
    expect(await idle("count")).toBe(1);
    const large = runtimeWith({ maxBytes: 1 });
    expect(await large("count")).toBe(1);
    expect(await large("count")).toBe(1);
  });
});
