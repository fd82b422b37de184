import { GreenticError } from "../types/index.ts";

/** What the connection shows to the servers; at most one kind. */
interface NatsLogin {
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

/** Where the servers are, apart from what is said to them. */
export interface NatsServers {
  /** `host:port` each. */
  readonly servers: readonly string[];
  readonly login: NatsLogin;
  /** Whether a URL asks for TLS by `tls://`. */
  readonly isTls: boolean;
}

/**
 * Reads `nats://user:password@host:4222,nats://other:4222`; a user alone is a token. Names and passwords never show in a message.
 * @throws BUS_URL_INVALID
 */
export function parseNatsUrl(text: string): NatsServers {
  const servers: string[] = [];
  let login: NatsLogin = {};
  let isTls = false;
  for (const [index, part] of text.split(",").entries()) {
    const trimmed = part.trim();
    const given = trimmed.includes("://") ? trimmed : `nats://${trimmed}`;
    const url = URL.canParse(given) ? new URL(given) : undefined;
    if (url === undefined || !["nats:", "tls:"].includes(url.protocol) || url.hostname === "") {
      throw new GreenticError("BUS_URL_INVALID", `Read NATS URL: expected nats://host:port as server ${index + 1}`);
    }
    servers.push(`${url.hostname}:${url.port === "" ? "4222" : url.port}`);
    if (url.protocol === "tls:") isTls = true;
    if (url.username !== "") {
      const user = decodeURIComponent(url.username);
      login = url.password === "" ? { token: user } : { user, pass: decodeURIComponent(url.password) };
    }
  }
  return { servers, login, isTls };
}
