import { hash } from "node:crypto";
import type { World } from "../../types/index.ts";

/** What every token begins with, so that scanners of repositories and logs know one when they see it. */
export const TOKEN_PREFIX = "gtadm_";

const SHAPE = /^gtadm_[A-Za-z0-9_-]{43}$/;

/** Makes a token: the prefix and 256 bits of chance in base64url. */
export function makeToken(world: Pick<World, "randomBytes">): string {
  return TOKEN_PREFIX + Buffer.from(world.randomBytes(32)).toString("base64url");
}

/** Tells whether a text has a token's shape. */
export function isToken(text: string): boolean {
  return SHAPE.test(text);
}

/** The only thing that is kept of a token: 256 bits of chance need no slow hash. */
export function tokenDigest(text: string): string {
  return hash("sha256", text);
}
