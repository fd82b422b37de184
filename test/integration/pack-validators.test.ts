import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { validatorCheck } from "../../src/conformance/pack-validators.ts";
import { inspectComponent } from "../../src/component/index.ts";
import { openPack, TRUST_NOBODY, verifyPack } from "../../src/pack/index.ts";
import type { Pack, PackFinding } from "../../src/pack/index.ts";
import { packV1, zipOf } from "../../src/pack/public/public-fixture.ts";
import { filesBelow } from "../stand-ins/public-packs.ts";
import { verifies } from "../verifies.ts";

const ANYBODY = { ...TRUST_NOBODY, rejectUnsigned: false };

async function validated(
  bytes: Uint8Array,
  given: Parameters<typeof validatorCheck>[1],
): Promise<readonly PackFinding[]> {
  const pack: Pack = await openPack(bytes, { trust: ANYBODY, nowMs: 0 });
  const quiet = { checkFlow: () => [], checkComponent: () => [] };
  const full = { ...quiet, checkPack: validatorCheck(pack, given) };
  const { findings } = await verifyPack(bytes, { trust: ANYBODY, nowMs: 0, full });
  return findings.filter(({ message }) => message.startsWith("Validate pack"));
}

const naming = (component: string): Promise<Parameters<typeof zipOf>[0]> =>
  packV1("symbols", {
    extensions: {
      "greentic.messaging.validators.v1": { inline: { validators: [{ id: "acme.check", component_ref: component }] } },
    },
  });

test("a validator that stays in its registry is told, and never fetched", async () => {
  verifies("pack.public.validators");
  const findings = await validated(zipOf(await naming("oci://ghcr.io/acme/check:1")), []);
  expect(findings).toMatchObject([{ code: "PACK_COMPONENT_MISSING", severity: "info" }]);
  expect(findings[0]?.message).toContain('"oci://ghcr.io/acme/check:1"');
});

test("a validator that can't judge refuses the pack: silence would be a verdict", async () => {
  verifies("pack.public.validators");
  // The pack's own component is an empty one.
  const own = await validated(zipOf(await naming("acme.echo")), []);
  expect(own).toMatchObject([{ severity: "error", message: expect.stringContaining('"acme.check"') }]);
  const given = await validated(zipOf(await packV1("symbols")), [{ name: "x.wasm", bytes: Buffer.from("no") }]);
  expect(given).toMatchObject([{ code: "COMPONENT_BINARY_INVALID", severity: "error" }]);
});

const dir = process.env["GREENTIC_COMPAT_DIR"];
const found = dir === undefined ? [] : filesBelow(dir, [".wasm"]).filter(isValidator);

test.skipIf(found.length === 0)("public validators judge a pack (GREENTIC_COMPAT_DIR)", async () => {
  verifies("pack.public.validators");
  for (const file of found) {
    const findings = await validated(zipOf(await packV1("symbols")), [{ name: file, bytes: readFileSync(file) }]);
    expect(findings.filter(({ code }) => code.startsWith("COMPONENT_"))).toEqual([]);
  }
});

function isValidator(file: string): boolean {
  try {
    return inspectComponent(readFileSync(file)).abi === "validate010";
  } catch {
    return false;
  }
}
