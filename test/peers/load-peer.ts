import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const own = createRequire(import.meta.url);

/** Tells whether `npm run peers` has installed the platforms' heavy official clients; what needs them skips where it hasn't. */
export const hasPeers: boolean = existsSync(new URL("node_modules", import.meta.url));

/** Tells whether one of them is there: a list that has grown is installed when somebody asks for it again. */
export function hasPeer(name: string): boolean {
  return existsSync(new URL(`node_modules/${name}`, import.meta.url));
}

/** Loads one of `test/peers/package.json`; its types are the caller's to say. */
export function loadPeer(name: string): unknown {
  return own(name);
}

/** Where a file of one of them is, for a browser that is to load it: `name/dist/file.js`, whatever the package exports. */
export function peerFile(path: string): string {
  return fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));
}
