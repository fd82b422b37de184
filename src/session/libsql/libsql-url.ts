import { GreenticError, quote } from "../../types/index.ts";

const FORM =
  "libsql://host[:port], https://host[:port] or http://host[:port]; the token goes into libsql.token or GREENTIC_LIBSQL_TOKEN";

/**
 * Reads the URL of a libSQL server; `libsql:` is `https:`. Returns what to ask over HTTP.
 * @throws STORE_URL_INVALID, whose message never quotes the URL: it may hold a token
 */
export function parseLibsqlUrl(text: string): string {
  if (!/^(?:libsql|https?):\/\//.test(text)) throw invalid("it has another form");
  const address = text.replace(/^libsql:/, "https:");
  if (!URL.canParse(address)) throw invalid("it has another form");
  const url = new URL(address);
  if (url.username !== "" || url.password !== "") throw invalid("it holds a user or password");
  for (const name of url.searchParams.keys()) throw invalid(`parameter ${quote(name)} isn't known`);
  if (url.hash !== "") throw invalid("it has another form");
  return url.href;
}

function invalid(state: string): GreenticError {
  return new GreenticError("STORE_URL_INVALID", `Read libSQL URL: ${state}; expected ${FORM}`);
}
