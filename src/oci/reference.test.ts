import fc from "fast-check";
import { expect, test } from "vitest";
import { formatOciReference, isLoopback, parseOciReference } from "./reference.ts";

const HEX = "0123456789abcdef".repeat(4);

test.each([
  ["oci://ghcr.io/acme/weather:1.0.0", { registry: "ghcr.io", repository: "acme/weather", tag: "1.0.0" }],
  ["oci://localhost:5000/a", { registry: "localhost:5000", repository: "a" }],
  ["oci://[::1]:5000/a/b-c__d.e", { registry: "[::1]:5000", repository: "a/b-c__d.e" }],
  [`oci://r.test/a@sha256:${HEX}`, { registry: "r.test", repository: "a", digest: `sha256:${HEX}` }],
  [`oci://r.test/a:v1@sha256:${HEX}`, { registry: "r.test", repository: "a", tag: "v1", digest: `sha256:${HEX}` }],
])("parseOciReference() reads %s and formatOciReference() writes it again", (text, reference) => {
  expect(parseOciReference(text)).toEqual(reference);
  expect(formatOciReference(parseOciReference(text))).toBe(text);
});

test.each([
  ["ghcr.io/acme/weather", 1],
  ["OCI://ghcr.io/a", 1],
  ["oci://", 7],
  ["oci://ghcr.io", 14],
  ["oci:///a", 7],
  ["oci://user:pass@ghcr.io/a", 7],
  ["oci://ghcr.io:99999/a", 7],
  ["oci://ghcr..io/a", 7],
  ["oci://GHCR.io/a", 7],
  ["oci://ghcr.io/Acme", 15],
  ["oci://ghcr.io/acme//weather", 20],
  ["oci://ghcr.io/acme/../etc", 20],
  ["oci://ghcr.io/acme/w:", 22],
  ["oci://ghcr.io/acme/w:a b", 22],
  ["oci://ghcr.io/acme/w?x=1", 20],
  ["oci://ghcr.io/acme/w%2e", 20],
  ["oci://ghcr.io/a@sha256:abc", 17],
  [`oci://ghcr.io/a@sha512:${HEX}${HEX}`, 17],
  [`oci://ghcr.io/a@sha256:${HEX.toUpperCase()}`, 17],
])("parseOciReference() refuses %s at character %i", (text, character) => {
  expect(() => parseOciReference(text)).toThrow(
    expect.objectContaining({ code: "OCI_REFERENCE_INVALID", details: { character } }),
  );
});

test("whatever is read asks the host that is written, and nothing else of the text becomes part of a URL", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."a b c 0 1 9 . / _ - : @ % ? # \\ A".split(" ")), maxLength: 30 }),
      (tail) => {
        let reference;
        try {
          reference = parseOciReference(`oci://r.test/${tail}`);
        } catch {
          return;
        }
        const url = new URL(
          `https://${reference.registry}/v2/${reference.repository}/manifests/${reference.tag ?? "x"}`,
        );
        expect(url.host).toBe("r.test");
        expect(url.pathname).toBe(`/v2/${reference.repository}/manifests/${reference.tag ?? "x"}`);
        expect(url.search + url.hash).toBe("");
      },
    ),
  );
});

test("isLoopback() knows this machine by its names alone", () => {
  for (const host of ["localhost", "localhost:5000", "127.0.0.1:1", "127.9.9.9", "[::1]:5000"])
    expect(isLoopback(host), host).toBe(true);
  for (const host of ["localhost.evil.test", "127.0.0.1.evil.test", "10.0.0.1", "r.test:127"])
    expect(isLoopback(host), host).toBe(false);
});
