import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "@bytecodealliance/jco";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fetchComponent } from "./fetch-component.ts";
import { verifies } from "../../../test/verifies.ts";

let root = "";
let file = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "greentic-fetch-"));
  file = join(root, "a.wasm");
  await writeFile(file, await parse("(component)"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
const fetchIt = (reference: string) => fetchComponent(reference, { cwd: root, cacheDirectory: join(root, "cache") });

test("fetchComponent() keeps what it fetched by its digest, and mends a damaged cache", async () => {
  verifies("component.fetch.file");
  const first = await fetchIt("a.wasm");
  expect(first).toMatchObject({ isCached: false, sizeBytes: (await readFile(file)).byteLength });
  expect(first.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await fetchIt(pathToFileURL(file).href)).toMatchObject({ digest: first.digest, path: first.path });
  expect(await fetchIt(first.digest)).toMatchObject({ digest: first.digest, isCached: true });
  await writeFile(first.path, "damaged");
  expect(await fetchIt(`a.wasm@${first.digest}`)).toMatchObject({ digest: first.digest, isCached: false });
  expect(await fetchIt(`a.wasm@${first.digest}`)).toMatchObject({ isCached: true });
});

test.each([
  [`a.wasm@sha256:${"0".repeat(64)}`, "COMPONENT_DIGEST_MISMATCH"],
  [`sha256:${"0".repeat(64)}`, "COMPONENT_FETCH_MISSING"],
  ["missing.wasm", "COMPONENT_FETCH_MISSING"],
  ["oci://registry.test/a:1", "COMPONENT_FETCH_UNSUPPORTED"],
  ["https://x.test/a.wasm", "COMPONENT_FETCH_UNSUPPORTED"],
])("fetchComponent() refuses %s", async (reference, code) => {
  await expect(fetchIt(reference)).rejects.toMatchObject({ code });
});

test("fetchComponent() keeps nothing that is no component", async () => {
  await writeFile(join(root, "text.wasm"), "text");
  await expect(fetchIt("text.wasm")).rejects.toMatchObject({ code: "COMPONENT_BINARY_INVALID" });
});
