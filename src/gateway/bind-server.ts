import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { GreenticError, quote } from "../types/index.ts";

/** Lets a server listen, and gives what follows the scheme of its URL, `127.0.0.1:8080`. @throws the given code where the address can't be had */
export async function bindServer(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  code: "GATEWAY_ADDRESS_UNAVAILABLE" | "ADMIN_ADDRESS_UNAVAILABLE",
): Promise<string> {
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new GreenticError(code, `Listen on ${quote(`${host}:${port}`)}: ${quote(why)}`, { cause: error });
  }
  const bound = server.address() as AddressInfo;
  return `${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
}
