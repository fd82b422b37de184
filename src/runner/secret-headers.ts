import type { HostHttpRequest, HostHttpResponse } from "../component/index.ts";
import { SecretRedactor } from "../telemetry/index.ts";
import { GreenticError, quote } from "../types/index.ts";

/** What would let a guest see an answer in a form, or in pieces, in which a secret isn't found. */
const SHAPES_ANSWER = new Set(["accept-encoding", "range", "if-range"]);
/** Shorter ones are not looked for in answers: they would be found everywhere. */
const MIN_LENGTH = 8;

/**
 * Sends a component's request with the secrets that it was granted in headers, if its origin is one of theirs, and gives the answer
 * without them: what echoes requests (a debugging endpoint, an error page) would tell the guest otherwise. Redirects to another origin
 * lose the headers, as the http layer does with all that may be a credential.
 * @throws SECRETS_NOT_FOUND, SECRETS_VALUE_INVALID where a secret can't be a header
 */
export async function sendWithSecrets(
  request: HostHttpRequest,
  {
    read,
    send,
  }: {
    readonly read: (name: string) => Promise<string | undefined>;
    readonly send: (request: HostHttpRequest) => Promise<HostHttpResponse>;
  },
): Promise<HostHttpResponse> {
  const { secretHeaders = [], ...plain } = request;
  const origin = URL.parse(request.url)?.origin;
  const wanted = secretHeaders.filter(
    ({ hosts }) => origin !== undefined && hosts.some((host) => originOf(host) === origin),
  );
  if (wanted.length === 0) return send(plain);
  const redactor = new SecretRedactor();
  const added: (readonly [string, string])[] = [];
  for (const { secret, header, format } of wanted) {
    const value = await read(secret);
    if (value === undefined)
      throw new GreenticError("SECRETS_NOT_FOUND", `Send with secret ${quote(secret)}: there is none`);
    if (value.length < MIN_LENGTH || !/^[\u0021-\u007e]+$/.test(value))
      throw new GreenticError(
        "SECRETS_VALUE_INVALID",
        `Send with secret ${quote(secret)}: expected ${MIN_LENGTH} or more printable ASCII characters without spaces`,
      );
    redactor.add(value);
    const filled = format.replace("{secret}", () => value);
    redactor.add(filled);
    // Basic credentials are read by whoever gets them.
    const decoded = Buffer.from(value, "base64");
    if (decoded.toString("base64") === value) redactor.add(decoded.toString("utf8"));
    added.push([header, filled]);
  }
  const headers = plain.headers.filter(([name]) => !SHAPES_ANSWER.has(name.toLowerCase()));
  return withoutSecrets(
    await send({ ...plain, headers: [...headers, ["accept-encoding", "identity"], ...added] }),
    redactor,
  );
}

function withoutSecrets({ status, headers, body }: HostHttpResponse, redactor: SecretRedactor): HostHttpResponse {
  // Byte by byte, so that what isn't text stays as it is.
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  const clean = redactor.redact(text);
  const isChanged = clean !== text;
  return {
    status,
    headers: headers
      .filter(([name]) => !isChanged || name.toLowerCase() !== "content-length")
      .map(([name, value]) => [name, redactor.redact(value)]),
    body: isChanged ? Buffer.from(clean, "latin1") : body,
  };
}

/** Without a port that its scheme means anyway. */
function originOf(host: string): string | undefined {
  return URL.parse(host)?.origin;
}
