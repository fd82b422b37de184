import { expect, test } from "vitest";
import { NO_GRANTS } from "../grants.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { GuestGate } from "./guest-gate.ts";

const parts = [
  { component: "called", grants: { ...NO_GRANTS, secrets: ["a"] } },
  { component: "linked", grants: { ...NO_GRANTS, state: "read-write" as const } },
];

test("ask() judges a request by the part that asks, and knows no other parts", async () => {
  const services = memoryServices();
  const gate = new GuestGate(ctxOf(), services, { parts });
  const secret = { kind: "secret", name: "a" } as const;
  const write = { kind: "state-write", key: "k", value: new Uint8Array(1) } as const;
  expect(await gate.ask(secret, 0)).toMatchObject({ kind: "ok" });
  expect(await gate.ask(secret, 1)).toMatchObject({ kind: "fault", code: "denied" });
  expect(await gate.ask(write, 0)).toMatchObject({ kind: "fault", code: "denied" });
  expect(await gate.ask(write, 1)).toMatchObject({ kind: "ok" });
  expect([...services.state.keys()]).toEqual(["linked/k"]);
  for (const part of [2, -1, 0.5, Number.NaN, "0x", "length", "__proto__", undefined]) {
    expect(await gate.ask(secret, part as number)).toMatchObject({ kind: "fault", code: "denied" });
  }
});

test("ask() answers nothing once the gate is closed, nor beyond its number", async () => {
  const gate = new GuestGate(ctxOf(), memoryServices(), { parts });
  for (let count = 0; count < 1024; count++) await gate.ask({ kind: "config", key: "k" }, 0);
  expect(await gate.ask({ kind: "config", key: "k" }, 0)).toMatchObject({ code: "denied" });
  const closed = new GuestGate(ctxOf(), memoryServices(), { parts });
  closed.close();
  expect(await closed.ask({ kind: "config", key: "k" }, 0)).toMatchObject({ code: "denied" });
});
