import { readFileSync } from "node:fs";
import { GreenticError, quote } from "../../types/index.ts";

/** Files for TLS, absolute. */
export interface PostgresTls {
  /** Authorities that may have signed the server's certificate, instead of the usual ones. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** Where a PostgreSQL database is and how to speak to its server. */
export interface PostgresPlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Absent: no TLS. The server's certificate and name are always checked. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

const FORM = "postgres://[user:password@]host[:port]/database[?sslmode=verify-full], special characters escaped with %";
const MODES = { disable: false, require: true, "verify-ca": true, "verify-full": true } as const;

/**
 * Reads a PostgreSQL URL. `sslmode` is `disable` (default, unless files for TLS are given), or one of `require`, `verify-ca` and
 * `verify-full`, which all check certificate and name. @throws STORE_URL_INVALID, whose message never quotes the URL: it may hold a password
 */
export function parsePostgresUrl(text: string, files: PostgresTls = {}): PostgresPlace {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) throw invalid("it has another form");
  const url = new URL(text);
  for (const name of url.searchParams.keys()) {
    if (name !== "sslmode") throw invalid(`parameter ${quote(name)} isn't known`);
  }
  const hasFiles = Object.keys(files).length > 0;
  const mode = url.searchParams.get("sslmode") ?? (hasFiles ? "verify-full" : "disable");
  if (!Object.hasOwn(MODES, mode)) throw invalid(`expected sslmode of ${Object.keys(MODES).join(", ")}`);
  const database = decoded(url.pathname.slice(1));
  if (url.hostname === "") throw invalid("the host is missing");
  if (database === "" || database.includes("/")) throw invalid("one database is expected behind the host");
  return {
    host: url.hostname.replaceAll(/^\[|\]$/g, ""),
    port: url.port === "" ? 5_432 : Number(url.port),
    database,
    user: url.username === "" ? "postgres" : decoded(url.username),
    password: url.password === "" ? undefined : decoded(url.password),
    tls: MODES[mode as keyof typeof MODES] ? readFiles(files) : undefined,
  };
}

function readFiles({ caFile, certFile, keyFile }: PostgresTls): NonNullable<PostgresPlace["tls"]> {
  const read = (file: string): string => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      throw invalid(`file ${quote(file)} can't be read`, error);
    }
  };
  return {
    ...(caFile !== undefined && { ca: read(caFile) }),
    ...(certFile !== undefined && { cert: read(certFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("a % is followed by something else than two hex digits");
  }
}

function invalid(state: string, cause?: unknown): GreenticError {
  const message = `Read PostgreSQL URL: ${state}; expected ${FORM}`;
  return new GreenticError("STORE_URL_INVALID", message, cause === undefined ? {} : { cause });
}
