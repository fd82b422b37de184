import type { Server } from "node:http";
import type { Socket } from "node:net";
import { isAddressGranted } from "../http/index.ts";

/** Cuts connections of an address beyond a number; those of trusted proxies are everybody's and aren't counted. */
export function limitAddresses(
  server: Pick<Server, "on">,
  maxPerAddress: number,
  trustedProxies: readonly string[],
): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    // Everybody comes from a proxy.
    if (isAddressGranted(address.replace(/^::ffff:/, ""), trustedProxies)) return;
    const count = (counts.get(address) ?? 0) + 1;
    if (count > maxPerAddress) {
      socket.destroy();
      return;
    }
    counts.set(address, count);
    socket.once("close", () => {
      const left = (counts.get(address) ?? 1) - 1;
      if (left <= 0) counts.delete(address);
      else counts.set(address, left);
    });
  });
}

/** Answers what node:http can't read as a request by what is wrong with it, and closes. */
export function answerClientErrors(server: Pick<Server, "on">): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
    else socket.end(`HTTP/1.1 ${clientErrorStatus(error.code)}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  });
}

function clientErrorStatus(code: string | undefined): string {
  if (code === "HPE_HEADER_OVERFLOW") return "431 Request Header Fields Too Large";
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
}
