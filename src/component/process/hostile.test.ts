import { afterAll, beforeAll, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import { isGreenticError } from "../../types/index.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentCall, ComponentResult, HostServices } from "../host.ts";
import { ALL_GRANTS, callOf, ctxOf, memoryServices } from "../testing/call-support.ts";
import { HOSTILE_ACTS, hostileActs } from "../testing/hostile-acts.ts";
import { hostileGuest } from "../testing/hostile-guest.ts";
import { ProcessComponentHost } from "./process-host.ts";
import { verifies } from "../../../test/verifies.ts";

const host = new ProcessComponentHost({ poolSize: 1 });
let acts: string;
let guest: string;
beforeAll(async () => {
  ({ sha256: acts } = await host.admit(await hostileActs(), ALL_GRANTS));
  ({ sha256: guest } = await host.admit((await hostileGuest()).bytes, ALL_GRANTS));
});
afterAll(() => host[Symbol.asyncDispose]());

const call = (tenant: string, operation: string, extra: Partial<ComponentCall> = {}): Promise<ComponentResult> =>
  host.invoke(ctxOf(tenant), { ...callOf(acts, { act: "" }, extra), operation, input: {} });

/** Has a good guest of another tenant answer again and again while something is under way. */
async function withGoodGuest<T>(work: Promise<T>): Promise<{ readonly value: T; readonly answers: number }> {
  const state = { isOver: false };
  const ended = work.finally(() => (state.isOver = true));
  let answers = 0;
  do {
    expect(await call("good", "good", { timeoutMs: 20_000 })).toMatchObject({ kind: "ok", output: 7 });
    answers++;
  } while (!state.isOver);
  return { value: await ended, answers };
}

test.each(HOSTILE_ACTS)(
  "a guest that tries %s ends with %s, and a good one goes on",
  async (...[act, code, reason]) => {
    verifies("component.hostile");
    const timeoutMs = reason === undefined ? 400 : 20_000;
    const { value: result, answers } = await withGoodGuest(call("bad", act, { timeoutMs }));
    const details = reason === undefined ? {} : { details: { reason } };
    expect(result).toMatchObject({ kind: "error", error: { code, ...details } });
    expect(result.stats.peakMemoryBytes).toBeLessThanOrEqual(64 << 20);
    expect(answers).toBeGreaterThan(0);
  },
);

test("all of them at once end the same, and good guests go on", async () => {
  verifies("component.hostile");
  const storm = Promise.all(HOSTILE_ACTS.map(([act], at) => call(`bad${at % 3}`, act, { timeoutMs: 1000 })));
  const { value: results } = await withGoodGuest(storm);
  // Where many spin, what would end by its own fault may meet its deadline first.
  for (const [at, [, code]] of HOSTILE_ACTS.entries()) {
    const [result] = results.slice(at);
    expect([code, "COMPONENT_DEADLINE_EXCEEDED"]).toContain(result?.kind === "error" ? result.error.code : "ok");
  }
});

const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
/** A component that imports one function type under each name. */
function importing(names: readonly string[]): Uint8Array {
  const imports = names.flatMap((name) => [0, ...leb(name.length), ...Buffer.from(name), 1, 0]);
  const section = (id: number, body: readonly number[]): number[] => [id, ...leb(body.length), ...body];
  const head = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];
  const types = section(7, [1, 0x40, 0, 1, 0]);
  return Uint8Array.from(head.concat(types, section(10, leb(names.length).concat(imports))));
}

test("names of any length and number cost no more than they weigh", async () => {
  verifies("component.hostile");
  const admit = (names: readonly string[]): Promise<unknown> =>
    host.admit(importing(names), NO_GRANTS).catch((error: unknown) => error);
  const long = await admit(["a".repeat(1 << 20)]);
  expect(isGreenticError(long) && [long.code, long.message.length < 1000]).toEqual(["COMPONENT_BINARY_INVALID", true]);
  const many = await admit(Array.from({ length: 300_000 }, (_, index) => `n${index.toString(36)}`));
  expect(isGreenticError(many) && many.code).toBe("COMPONENT_LIMIT_EXCEEDED");
  // What is imported and never called needs nobody's leave; a name is data, whatever it is in JavaScript.
  expect(await admit(["constructor", "to-string"])).toMatchObject({ imports: [] });
});

test("one tenant's storm keeps no other from its turn, and a killed process takes nobody's call along", async () => {
  verifies("component.storm");
  await using pool = new ProcessComponentHost({ poolSize: 1, tenant: { maxRunning: 4, maxWaiting: 64 } });
  await pool.admit(await hostileActs(), ALL_GRANTS);
  const run = (tenant: string, operation: string, timeoutMs: number): Promise<ComponentResult> =>
    pool.invoke(ctxOf(tenant), { ...callOf(acts, { act: "" }, { timeoutMs }), operation, input: {} });
  const storm = Array.from({ length: 100 }, () => run("storm", "spin", 600));
  const others = ["a", "b", "c", "d"].map((tenant) => run(tenant, "good", 20_000));
  const [process] = pool.processes;
  process?.kill();
  for (const result of await Promise.all(others)) expect(result).toMatchObject({ kind: "ok", output: 7 });
  // A call that the killed process took along may find its tenant's queue full again.
  const ends = new Set(["COMPONENT_DEADLINE_EXCEEDED", "COMPONENT_BUSY", "COMPONENT_HOST_LOST"]);
  const codes = (await Promise.all(storm)).map((result) => (result.kind === "error" ? result.error.code : "ok"));
  expect(codes).toContain("COMPONENT_BUSY");
  expect(codes.filter((code) => !ends.has(code))).toEqual([]);
});

test("who computes for long is left a process of its own, and others get another", async () => {
  verifies("component.storm");
  await using pool = new ProcessComponentHost({ poolSize: 1 });
  await pool.admit(await hostileActs(), ALL_GRANTS);
  const run = (tenant: string, operation: string, timeoutMs: number): Promise<ComponentResult> =>
    pool.invoke(ctxOf(tenant), { ...callOf(acts, { act: "" }, { timeoutMs }), operation, input: {} });
  await run("good", "good", 20_000);
  const [first] = pool.processes;
  await run("bad", "spin", 1500);
  expect(first?.isSlow).toBe(true);
  expect(await run("good", "good", 20_000)).toMatchObject({ kind: "ok", output: 7 });
  expect([...pool.processes].map(({ isSlow }) => isSlow)).toEqual([true, false]);
});

const TRIES = Number(process.env["GREENTIC_CANARY_TRIES"] ?? 300);
const CANARY = "canary-5d41402abc4b2a76b9719d911017c592";

test(
  `a secret of one tenant is out of another's reach in ${TRIES} tries`,
  async () => {
    verifies("component.canary", "security.isolation");
    const states = new Map<string, HostServices>();
    const logged: string[] = [];
    const servicesOf = (tenant: string): HostServices => {
      const known = states.get(tenant);
      if (known !== undefined) return known;
      const services: HostServices = {
        ...memoryServices(),
        secret: async (ctx) => Buffer.from(ctx.tenant === "owner" ? CANARY : "nothing"),
        log: (ctx, _level, message) => void (ctx.tenant === "owner" || logged.push(message)),
      };
      states.set(tenant, services);
      return services;
    };
    const act = (
      tenant: string,
      name: string,
      argument: JsonValue,
      reuse: "none" | "tenant",
    ): Promise<ComponentResult> =>
      host.invoke(
        ctxOf(tenant),
        callOf(guest, { act: name, argument }, { services: servicesOf(tenant), reuse, timeoutMs: 60_000 }),
      );
    const tries: readonly (readonly [string, JsonValue])[] = [
      ["planted", null],
      ["secret", "granted"],
      ["secret", "owner/granted"],
      ["read", "k"],
      ["read", "../hostile/k"],
      ["read", "owner/k"],
      ["asset", "assets/../../owner/k"],
      ["log", [3, "text"]],
      ["tool", ["allowed", { tenant: "owner" }]],
      ["scan", null],
    ];
    const leaks: string[] = [];
    const progress = { tries: 0 };
    const thief = async (): Promise<void> => {
      while (progress.tries < TRIES) {
        const at = progress.tries++;
        const [name, argument] = tries[at % tries.length] ?? ["planted", null];
        const reuse = at % 3 === 0 ? "none" : "tenant";
        const result = name === "scan" ? await call("thief", "scan") : await act("thief", name, argument, reuse);
        if (name === "scan" && !(result.kind === "ok" && result.output === 0)) leaks.push(`${at} scan`);
        if (JSON.stringify(result).includes(CANARY)) leaks.push(`${at} ${name}`);
      }
    };
    const owner = async (): Promise<void> => {
      while (progress.tries < TRIES) {
        for (const [name, argument] of [
          ["plant", CANARY],
          ["secret", "granted"],
          ["write", ["k", CANARY]],
          ["log", [1, CANARY]],
        ] as const) {
          expect(await act("owner", name, argument, "tenant")).toMatchObject({ kind: "ok" });
        }
        expect(await act("owner", "planted", null, "tenant")).toMatchObject({ output: CANARY });
      }
    };
    await Promise.all([owner(), ...Array.from({ length: 6 }, thief)]);
    expect(leaks).toEqual([]);
    expect(logged.filter((line) => line.includes(CANARY))).toEqual([]);
    expect(logged.length).toBeGreaterThan(0);
  },
  30_000 + TRIES * 20,
);
