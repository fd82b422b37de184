import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parse } from "@bytecodealliance/jco";
import { NO_GRANTS } from "../grants.ts";
import { ALL_GRANTS, callOf, ctxOf } from "../testing/call-support.ts";
import { hostileGuest } from "../testing/hostile-guest.ts";
import { AdmissionCache } from "./admission-cache.ts";
import { ProcessComponentHost } from "./process-host.ts";
import { verifies } from "../../../test/verifies.ts";

let bytes: Uint8Array;
let sha256: string;
let small: Uint8Array;
let admissionDir: string;
beforeAll(async () => {
  ({ bytes, sha256 } = await hostileGuest());
  small = await parse(`(component (core module $m (func (export "f") (result i32) (i32.const 7)))
    (core instance $i (instantiate $m)) (func (export "f") (result u32) (canon lift (core func $i "f"))))`);
});
beforeEach(async () => {
  admissionDir = await mkdtemp(join(tmpdir(), "greentic-admission-"));
  return () => rm(admissionDir, { recursive: true });
});
const hosts: ProcessComponentHost[] = [];
afterAll(() => Promise.all(hosts.map((host) => host[Symbol.asyncDispose]())));
/** No process lives long enough to read anything. */
const unableToRead = { admissionMs: 0 };
const open = (admission = {}): ProcessComponentHost => {
  const host = new ProcessComponentHost({ poolSize: 1, admissionDir, admission });
  hosts.push(host);
  return host;
};
const entryOf = (): string => join(admissionDir, `${sha256}.admitted`);

test("admission starts no process that runs calls, and none at all where the disk has it whole", async () => {
  verifies("component.admission-cached");
  const first = open();
  const info = await first.admit(bytes, ALL_GRANTS);
  expect([...first.processes]).toEqual([]);
  const second = open(unableToRead);
  expect(await second.admit(bytes, ALL_GRANTS)).toEqual(info);
  await expect(second.admit(bytes, NO_GRANTS)).rejects.toMatchObject({ code: "COMPONENT_IMPORT_UNGRANTED" });
  second.warm();
  const result = await second.invoke(ctxOf(), callOf(sha256, { act: "echo", argument: 1 }));
  expect(result).toMatchObject({ kind: "ok", output: 1 });
});

test("an entry that differs in any byte, or stands for another component, is made anew", async () => {
  const info = await open().admit(bytes, ALL_GRANTS);
  const whole = await readFile(entryOf());
  for (const at of [3, 80, 200, whole.length >> 1, whole.length - 1]) {
    const damaged = Uint8Array.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await writeFile(entryOf(), damaged);
    await expect(open(unableToRead).admit(bytes, ALL_GRANTS)).rejects.toMatchObject({
      code: "COMPONENT_LIMIT_EXCEEDED",
      details: { limit: "admissionMs", value: 0 },
    });
  }
  expect(await open().admit(bytes, ALL_GRANTS)).toEqual(info);
  expect(Buffer.compare(await readFile(entryOf()), whole)).toBe(0);
  const other = await open().admit(small, NO_GRANTS);
  await copyFile(entryOf(), join(admissionDir, `${other.sha256}.admitted`));
  expect(await open().admit(small, NO_GRANTS)).toEqual(other);
  expect((await readdir(admissionDir)).toSorted()).toEqual(
    [`${other.sha256}.admitted`, `${sha256}.admitted`].toSorted(),
  );
});

test("an entry that spoils after admission is made anew before it runs", async () => {
  const host = open();
  await host.admit(bytes, ALL_GRANTS);
  await writeFile(entryOf(), "spoilt");
  const result = await host.invoke(ctxOf(), callOf(sha256, { act: "echo", argument: 1 }));
  expect(result).toMatchObject({ kind: "ok", output: 1 });
});

test("AdmissionCache.get() gives nothing that another version made", async () => {
  const plan = Uint8Array.of(1, 10, 3);
  const info = { sha256, sizeBytes: 5, abi: "exec", imports: ["a:b/c"], exports: ["execute"] } as const;
  const cache = new AdmissionCache(admissionDir, "1");
  expect(await cache.put({ info, plan })).toBe(true);
  expect(await cache.get(sha256, 5)).toEqual({ info, plan: Buffer.from(plan) });
  expect(await new AdmissionCache(admissionDir, "2").get(sha256, 5)).toBeUndefined();
  expect(await new AdmissionCache(join(entryOf(), "no-directory"), "1").put({ info, plan })).toBe(false);
});

test("a component that a process can't read within its limits is refused, and harms no other", async () => {
  const host = open({ maxRssBytes: 1 << 20, admissionMs: 60_000 });
  await expect(host.admit(bytes, ALL_GRANTS)).rejects.toMatchObject({
    code: "COMPONENT_LIMIT_EXCEEDED",
    details: { limit: "maxRssBytes" },
  });
  await expect(open().admit(new Uint8Array(9), NO_GRANTS)).rejects.toMatchObject({
    code: "COMPONENT_BINARY_INVALID",
  });
  const ending = open();
  const admission = ending.admit(bytes, ALL_GRANTS);
  await ending[Symbol.asyncDispose]();
  await expect(admission).rejects.toMatchObject({ code: "COMPONENT_HOST_LOST" });
});
