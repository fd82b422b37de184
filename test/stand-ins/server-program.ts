import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

/** Where servers are that distributions put beside the usual programs. */
export const SERVER_PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin`;

/**
 * Tells whether a server that tests start is installed; where it isn't, they skip. Under CI they must not.
 * @throws Error under CI where it is missing
 */
export function hasServer(program: string): boolean {
  const isThere = spawnSync("sh", ["-c", 'command -v "$0"', program], { env: { PATH: SERVER_PATH } }).status === 0;
  if (!isThere && process.env["CI"] !== undefined) throw new Error(`${program} is not installed, and CI must not skip`);
  return isThere;
}

/** Finds a port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((ready) => server.once("listening", ready));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
