/**
 * A TCP proxy that breaks connections on purpose, between the runtime and a server: down, slow, silent, reset, sliced. Faults take
 * hold of connections that are open as well as of new ones.
 */
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";

/**
 * `down` refuses new connections and breaks the old ones; `silent` takes everything and passes nothing on; `unanswered` passes on what
 * is asked and nothing of what is answered; `slow` delays each piece by `delayMs`; `sliced` passes pieces of at most `sliceBytes`; `none` heals.
 */
export type Fault =
  | { readonly kind: "none" }
  | { readonly kind: "down" }
  | { readonly kind: "silent" }
  | { readonly kind: "unanswered" }
  | { readonly kind: "slow"; readonly delayMs: number }
  | { readonly kind: "sliced"; readonly sliceBytes: number };

export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** Sets what happens from now on. What `silent` and `unanswered` held back is lost with its connections, which break when they end. */
  set(fault: Fault): void;
  /** Breaks every connection with a reset, in the middle of whatever passes. */
  reset(): void;
  /** Connections that were opened so far. */
  readonly connections: () => number;
}

const NONE: Fault = { kind: "none" };
const SILENT: Fault = { kind: "silent" };

/** Opens a proxy on a free loopback port before a server on another. */
export async function openFaultProxy(target: { readonly port: number }): Promise<FaultProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let fault: Fault = { kind: "none" };
  let opened = 0;
  const server = createServer((client) => {
    opened++;
    if (fault.kind === "down") {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ port: target.port, host: "127.0.0.1", noDelay: true });
    client.setNoDelay(true);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      pass(from, to, () => (fault.kind === "unanswered" ? (from === client ? NONE : SILENT) : fault));
      from.on("close", end).on("error", end);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const reset = (): void => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    set: (next) => {
      const hasLost = fault.kind === "silent" || fault.kind === "unanswered";
      fault = next;
      if (next.kind === "down" || hasLost) reset();
    },
    reset,
    connections: () => opened,
    async [Symbol.asyncDispose]() {
      reset();
      server.close();
      await once(server, "close");
    },
  };
}

/** Passes bytes on in order, each piece as the fault of its moment says. */
function pass(from: Socket, to: Socket, fault: () => Fault): void {
  let last: Promise<void> = Promise.resolve();
  from.on("data", (bytes: Buffer) => {
    const now = fault();
    if (now.kind === "silent") return;
    from.pause();
    last = last
      .then(async () => {
        if (now.kind === "slow") await new Promise((later) => setTimeout(later, now.delayMs));
        const size = now.kind === "sliced" ? now.sliceBytes : bytes.length;
        for (let at = 0; at < bytes.length && !to.destroyed; at += size) {
          to.write(bytes.subarray(at, at + size));
          // Each slice leaves in a packet of its own.
          if (size < bytes.length) await new Promise((later) => setImmediate(later));
        }
      })
      .finally(() => from.resume());
  });
}
