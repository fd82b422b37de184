import { GreenticError } from "../../types/index.ts";

/** Where a Redis is and how to speak to it. */
export interface RedisPlace {
  readonly kind: "single" | "sentinel" | "cluster";
  /** The server, the sentinels or some nodes of the cluster. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** The name under which sentinels know the master. */
  readonly master: string;
  readonly db: number;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  /** The URL without its credentials, for messages. */
  readonly shown: string;
}

const SCHEMES = {
  redis: "single",
  "redis-sentinel": "sentinel",
  "redis-cluster": "cluster",
} as const;
const FORMS =
  "redis[s]://[user:password@]host[:port][/db], redis[s]-sentinel://…@host:26379,host:26379/master[?db=0], redis[s]-cluster://…@host:7000,host:7001";

/** Reads a Redis URL. @throws STORE_URL_INVALID, whose message never quotes the URL: it may hold a password */
export function parseRedisUrl(url: string): RedisPlace {
  const match = /^(redis|rediss)(-sentinel|-cluster)?:\/\/(?:([^@/]*)@)?([^/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(url);
  if (match === null) throw invalid("it has another form");
  const [, scheme = "", form = "", credentials, authority = "", path = "", query = ""] = match;
  const kind = SCHEMES[`redis${form}` as keyof typeof SCHEMES];
  const hosts = authority.split(",").map((text) => hostOf(text, kind === "sentinel" ? 26_379 : 6_379));
  if (kind === "single" && hosts.length > 1) throw invalid("one host is expected, several need -sentinel or -cluster");
  const parameters = new URLSearchParams(query);
  const [username, password] = credentialsOf(credentials);
  const name = path.slice(1);
  if (kind === "sentinel" && name === "") throw invalid("the master's name is missing after the hosts");
  if (kind === "cluster" && name !== "") throw invalid("a cluster has no databases");
  return {
    kind,
    hosts,
    master: kind === "sentinel" ? decoded(name) : "",
    db: numberOf(kind === "single" ? name : (parameters.get("db") ?? ""), { what: "database", max: 1_000_000 }) ?? 0,
    isTls: scheme === "rediss",
    username,
    password,
    sentinelUsername: parameters.get("sentinel-user") ?? undefined,
    sentinelPassword: parameters.get("sentinel-password") ?? undefined,
    shown: `${scheme}${form}://${authority}${path}`,
  };
}

function hostOf(text: string, defaultPort: number): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) throw invalid("a host is not readable");
  return { host, port: numberOf(match[3] ?? "", { what: "port", max: 65_535 }) ?? defaultPort };
}

function credentialsOf(text: string | undefined): readonly [string | undefined, string | undefined] {
  if (text === undefined || text === "") return [undefined, undefined];
  const colon = text.indexOf(":");
  // As in Redis's own URLs, a name alone is a user without a password.
  const user = decoded(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? undefined : decoded(text.slice(colon + 1));
  return [user === "" ? undefined : user, password === "" ? undefined : password];
}

function numberOf(text: string, { what, max }: { readonly what: string; readonly max: number }): number | undefined {
  if (text === "") return undefined;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) throw invalid(`the ${what} is no number of 0 to ${max}`);
  return number;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("a percent sign in it starts no escape");
  }
}

function invalid(state: string): GreenticError {
  return new GreenticError("STORE_URL_INVALID", `Read Redis URL: ${state}; expected ${FORMS}`);
}
