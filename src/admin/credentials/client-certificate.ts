import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { logSafe } from "../../telemetry/index.ts";
import type { ClientGrant } from "../options.ts";
import type { Principal } from "../roles.ts";

/** Makes the principal of a connection's certificate; undefined where it has none that the listener's authority signed. */
export function certificatePrincipal(
  socket: Socket | undefined,
  clients: readonly ClientGrant[],
): Principal | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  // Several common names, or none, name nobody.
  if (typeof name !== "string" || name === "") return undefined;
  const grants = clients.filter((client) => client.name === name).map(({ tenant, role }) => ({ tenant, role }));
  return { actor: `admin:certificate:${logSafe(name, 120)}`, kind: "certificate", grants };
}
