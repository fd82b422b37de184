/** A secret that the host puts into a header of a component's requests, so that the component needn't read it. */
export interface SecretHeader {
  /** The secret's name, in the pack's category. */
  readonly secret: string;
  /** Lower case. */
  readonly header: string;
  /** The header's value, with `{secret}` in it once. */
  readonly format: string;
  /** Origins whose requests get it, exactly: `https://host[:port]`, or `http` where the host is this machine. */
  readonly hosts: readonly string[];
}

/** Headers that frame a message, or say how much of an answer is wanted. */
const FRAMING = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "expect",
  "host",
  "if-range",
  "keep-alive",
  "range",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** A wildcard would give the secret to whoever gets a name below it. */
export const SECRET_HOST =
  /^(?:https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]))(?::\d{1,5})?$/;
const FORMAT = /^[\u0020-\u007e]*\{secret\}[\u0020-\u007e]*$/;

/** Tells what is wrong with one, as "expected …"; undefined where nothing is. */
export function secretHeaderProblem({ secret, header, format, hosts }: SecretHeader): string | undefined {
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(secret)) return "expected the name of a secret";
  if (!/^[a-z0-9-]{1,64}$/.test(header) || FRAMING.has(header))
    return "expected a header in lower case that doesn't frame the message";
  if (format.length > 256 || !FORMAT.test(format) || format.split("{secret}").length !== 2)
    return "expected a format with {secret} in it once";
  if (hosts.length === 0 || hosts.length > 16 || !hosts.every((host) => SECRET_HOST.test(host)))
    return "expected 1 to 16 exact https origins as hosts";
  return undefined;
}
