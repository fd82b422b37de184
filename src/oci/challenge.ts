/** One way to authenticate that a registry offers; names and scheme in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const PART = /([A-Za-z0-9-]{1,64})=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([A-Za-z0-9-]{1,64})(?=[\s,]|$)/g;

/** Reads `WWW-Authenticate`, several challenges in one header too. @see RFC 9110 section 11.6.1 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const [, name, quoted, plain, scheme] of header.slice(0, 8_192).matchAll(PART)) {
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else
      challenges.at(-1)?.parameters.set(name?.toLowerCase() ?? "", quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "");
  }
  return challenges;
}
