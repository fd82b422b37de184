import { describe, expect, test } from "vitest";
import { isOriginAllowed, parseOrigin } from "./origin.ts";
import { parseHttpRewrites, rewriteUrl } from "./rewrite.ts";

const allowed = (url: string, ...origins: string[]): boolean => isOriginAllowed(new URL(url), origins);

describe("isOriginAllowed()", () => {
  test("compares scheme, host and port", () => {
    expect(allowed("https://api.example.com/x?y", "https://api.example.com")).toBe(true);
    expect(allowed("https://API.example.com./x", "https://api.example.com:443")).toBe(true);
    expect(allowed("http://api.example.com/", "https://api.example.com")).toBe(false);
    expect(allowed("https://api.example.com:8443/", "https://api.example.com")).toBe(false);
    expect(allowed("https://api.example.com.evil.test/", "https://api.example.com")).toBe(false);
    expect(allowed("https://evilapi.example.com/", "https://api.example.com")).toBe(false);
    expect(allowed("http://2130706433:9/", "http://127.0.0.1:9")).toBe(true);
    expect(allowed("https://api.example.com/")).toBe(false);
  });

  test("lets *. stand for exactly one label", () => {
    expect(allowed("https://a.example.com/", "https://*.example.com")).toBe(true);
    expect(allowed("https://a.b.example.com/", "https://*.example.com")).toBe(false);
    expect(allowed("https://example.com/", "https://*.example.com")).toBe(false);
    expect(allowed("https://.example.com/", "https://*.example.com")).toBe(false);
  });
});

test.each([
  "*",
  "https://*",
  "example.com",
  "ftp://x",
  "https://x/path",
  "https://u@x",
  "https://a.*.b",
  "https://x?y",
])("parseOrigin() refuses %s", (text) => {
  expect(() => parseOrigin(text)).toThrow(expect.objectContaining({ code: "HTTP_ORIGIN_INVALID" }));
});

describe("rewriteUrl()", () => {
  const rewrites = parseHttpRewrites(
    "https://api.example.com=http://127.0.0.1:9001/a, https://b.test/v1=http://[::1]:2",
    "dev",
  );
  const rewritten = (url: string): string | undefined => rewriteUrl(new URL(url), rewrites)?.href;

  test("replaces whole origins and path prefixes", () => {
    expect(rewritten("https://api.example.com/x/y?z=1")).toBe("http://127.0.0.1:9001/a/x/y?z=1");
    expect(rewritten("https://b.test/v1/x")).toBe("http://[::1]:2/x");
    expect(rewritten("https://b.test/v10/x")).toBeUndefined();
    expect(rewritten("https://api.example.com.evil.test/x")).toBeUndefined();
    expect(rewritten("http://api.example.com/x")).toBeUndefined();
  });

  test("isn't to be had outside dev and test", () => {
    expect(() => parseHttpRewrites("https://a.test=http://b.test", "prod")).toThrow(
      expect.objectContaining({ code: "HTTP_REWRITE_REFUSED" }),
    );
    expect(parseHttpRewrites("", "prod")).toEqual([]);
    expect(() => parseHttpRewrites("https://a.test", "test")).toThrow(
      expect.objectContaining({ code: "HTTP_REWRITE_INVALID" }),
    );
  });
});
