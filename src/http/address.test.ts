import { assert, ipV6, property, tuple, integer } from "fast-check";
import { describe, expect, test } from "vitest";
import { isAddressGranted, isPublicAddress } from "./address.ts";

describe("isPublicAddress()", () => {
  test.each([
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["0.0.0.0", "unspecified"],
    ["10.1.2.3", "private"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "carrier-grade NAT"],
    ["169.254.169.254", "metadata"],
    ["198.18.0.1", "benchmarking"],
    ["224.0.0.1", "multicast"],
    ["255.255.255.255", "broadcast"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::ffff:127.0.0.1", "v4-mapped"],
    ["::ffff:8.8.8.8", "v4-mapped, even of a public address"],
    ["::ffff:7f00:1", "v4-mapped in hex"],
    ["::127.0.0.1", "v4-compatible"],
    ["64:ff9b::7f00:1", "NAT64"],
    ["64:ff9b:1::a00:1", "local NAT64"],
    ["2002:7f00:1::", "6to4"],
    ["2001:0:7f00:1::", "Teredo"],
    ["fc00::1", "unique local"],
    ["fd00:ec2::254", "metadata over IPv6"],
    ["fe80::1", "link-local"],
    ["fec0::1", "site-local"],
    ["ff02::1", "multicast"],
    ["2001:db8::1", "documentation"],
    ["2a00::1%eth0", "zoned"],
    ["example.com", "a name"],
    ["", "nothing"],
  ])("denies %s (%s)", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"])(
    "admits %s",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test("denies every IPv6 address outside global unicast", () => {
    assert(
      property(ipV6(), (address) => {
        const first = Number.parseInt(address.split(":")[0] || "0", 16);
        if (isPublicAddress(address)) expect(first >= 0x2000 && first <= 0x3fff).toBe(true);
      }),
    );
  });
});

describe("isAddressGranted()", () => {
  test("admits exactly the granted addresses and ranges", () => {
    const byte = integer({ min: 0, max: 255 });
    assert(
      property(tuple(byte, byte, byte), ([a, b, c]) => {
        expect(isAddressGranted(`10.${a}.${b}.${c}`, ["10.7.0.0/16", "10.8.0.1"])).toBe(
          a === 7 || (a === 8 && b === 0 && c === 1),
        );
      }),
    );
    expect(isAddressGranted("fd00::5", ["fd00::/64"])).toBe(true);
    expect(isAddressGranted("127.0.0.1", [])).toBe(false);
  });

  test("refuses a range that is none", () => {
    expect(() => isAddressGranted("127.0.0.1", ["127.0.0.0/33"])).toThrow(/CIDR/);
    expect(() => isAddressGranted("127.0.0.1", ["localhost"])).toThrow(/CIDR/);
  });
});
