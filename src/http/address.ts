import { BlockList, isIP } from "node:net";
import { GreenticError, quote } from "../types/index.ts";

// IANA special-purpose registries, IPv4 and IPv6: everything that isn't globally reachable unicast, and the transition
// ranges (NAT64, 6to4, Teredo) through which an IPv4 address could be smuggled.
const SPECIAL_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
// Global unicast is 2000::/3; what lies outside it (loopback, v4-mapped, ULA, link-local, multicast, NAT64) is denied whole.
const GLOBAL_V6 = "2000::/3";
const SPECIAL_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const specialV4 = blockList(SPECIAL_V4);
const globalV6 = blockList([GLOBAL_V6]);
const specialV6 = blockList(SPECIAL_V6);
const grantLists = new Map<string, BlockList>();

/** Tells whether an IP address is globally reachable unicast; false for anything that isn't an address. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !specialV4.check(address, "ipv4");
    case 6:
      return !address.includes("%") && globalV6.check(address, "ipv6") && !specialV6.check(address, "ipv6");
    default:
      return false;
  }
}

/**
 * Tells whether an address lies in one of the granted addresses or CIDR ranges.
 * @throws HTTP_ORIGIN_INVALID where a grant is neither
 */
export function isAddressGranted(address: string, granted: readonly string[]): boolean {
  if (granted.length === 0) return false;
  const key = granted.join(" ");
  let list = grantLists.get(key);
  if (list === undefined) {
    list = blockList(granted);
    if (grantLists.size >= 256) grantLists.clear();
    grantLists.set(key, list);
  }
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const family = isIP(address);
    const size = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? size : Number(bits);
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > size) {
      throw new GreenticError("HTTP_ORIGIN_INVALID", `Read an address range: expected CIDR, got ${quote(range)}`);
    }
    list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
