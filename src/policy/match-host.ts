/** Tells whether a host is what an allow-list names: itself, or for `*.a.b` exactly one label before `a.b`, as in grants. */
export function matchesHost(host: string, domain: string): boolean {
  const bare = host.endsWith(".") ? host.slice(0, -1) : host;
  if (!domain.startsWith("*.")) return bare === domain;
  const dot = bare.indexOf(".");
  return dot > 0 && bare.slice(dot + 1) === domain.slice(2);
}
