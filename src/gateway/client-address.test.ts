import { expect, test } from "vitest";
import { clientAddress } from "./client-address.ts";

const TRUSTED = ["10.0.0.0/8", "2001:db8::/32"];

test.each([
  ["nobody is trusted", "10.1.2.3", "203.0.113.9", [], "10.1.2.3"],
  ["the peer isn't trusted", "198.51.100.7", "203.0.113.9", TRUSTED, "198.51.100.7"],
  ["a proxy names its client", "10.1.2.3", "203.0.113.9", TRUSTED, "203.0.113.9"],
  ["two proxies stand between", "10.1.2.3", "203.0.113.9, 10.9.9.9", TRUSTED, "203.0.113.9"],
  ["the client made up a hop", "10.1.2.3", "192.0.2.1, 203.0.113.9", TRUSTED, "203.0.113.9"],
  ["the client made up a trusted hop", "10.1.2.3", "10.5.5.5, 203.0.113.9", TRUSTED, "203.0.113.9"],
  ["all are trusted", "10.1.2.3", "10.5.5.5, 10.6.6.6", TRUSTED, "10.5.5.5"],
  ["the chain can't be read", "10.1.2.3", "unknown", TRUSTED, "10.1.2.3"],
  ["the chain is garbled behind the client", "10.1.2.3", "<script>, 203.0.113.9", TRUSTED, "203.0.113.9"],
  ["the peer is an IPv4 address on an IPv6 socket", "::ffff:10.1.2.3", "203.0.113.9", TRUSTED, "203.0.113.9"],
  ["the client has a port", "10.1.2.3", "203.0.113.9:4711", TRUSTED, "203.0.113.9"],
  ["the client has an IPv6 address in brackets", "10.1.2.3", "[2001:db9::5]:443", TRUSTED, "2001:db9::5"],
  ["there is no header", "10.1.2.3", undefined, TRUSTED, "10.1.2.3"],
] as const)("clientAddress() is right when %s", (_what, peer, forwarded, trusted, expected) => {
  expect(clientAddress(peer, forwarded, trusted)).toBe(expected);
});
