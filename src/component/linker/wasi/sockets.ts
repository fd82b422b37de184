import type { HostFunction } from "../contract.ts";
import { ComponentErr, Trap } from "../trap.ts";
import { answer } from "./define.ts";
import type { WasiInterface } from "./define.ts";

/** The network that a guest can name and not reach. */
class Network {
  readonly isReachable = false;
}

const denied = answer(() => {
  throw new ComponentErr("access-denied");
});
const none = answer(() => undefined);
/** No socket can be made, so nothing can be asked of one: the guest has no handle to ask with. */
const absent = answer(() => {
  throw new Trap("host", "Run guest: it has no socket");
});

function all(functions: readonly string[], host: HostFunction): WasiInterface {
  return Object.fromEntries(functions.map((name) => [name, host]));
}

function methods(resource: string, names: string): WasiInterface {
  return all(
    names.split(" ").map((name) => `[method]${resource}.${name}`),
    absent,
  );
}

/** Every function of wasi:sockets, so that programs link; making a socket and looking up a name are denied. */
export const sockets: ReadonlyMap<string, WasiInterface> = new Map([
  ["wasi:sockets/instance-network", { "instance-network": answer(() => new Network()) }],
  ["wasi:sockets/network", { "network-error-code": none }],
  [
    "wasi:sockets/ip-name-lookup",
    {
      "resolve-addresses": denied,
      ...methods("resolve-address-stream", "resolve-next-address subscribe"),
    },
  ],
  ["wasi:sockets/tcp-create-socket", { "create-tcp-socket": denied }],
  [
    "wasi:sockets/tcp",
    methods(
      "tcp-socket",
      "start-bind finish-bind start-connect finish-connect start-listen finish-listen accept local-address remote-address " +
        "is-listening address-family ipv6-only set-ipv6-only set-listen-backlog-size keep-alive-enabled " +
        "set-keep-alive-enabled keep-alive-idle-time set-keep-alive-idle-time keep-alive-interval set-keep-alive-interval " +
        "keep-alive-count set-keep-alive-count hop-limit set-hop-limit receive-buffer-size set-receive-buffer-size " +
        "send-buffer-size set-send-buffer-size subscribe shutdown",
    ),
  ],
  ["wasi:sockets/udp-create-socket", { "create-udp-socket": denied }],
  [
    "wasi:sockets/udp",
    {
      ...methods(
        "udp-socket",
        "start-bind finish-bind stream local-address remote-address address-family ipv6-only set-ipv6-only " +
          "unicast-hop-limit set-unicast-hop-limit receive-buffer-size set-receive-buffer-size send-buffer-size " +
          "set-send-buffer-size subscribe",
      ),
      ...methods("incoming-datagram-stream", "receive subscribe"),
      ...methods("outgoing-datagram-stream", "check-send send subscribe"),
    },
  ],
]);
