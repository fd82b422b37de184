/**
 * Makes the key under which a component's value is kept. Different places give different keys: slashes and percent signs are
 * escaped, and a namespaced key starts with a percent sign that no escape makes.
 */
export function componentKey({
  key,
  namespace,
}: {
  readonly key: string;
  readonly namespace?: string | undefined;
}): string {
  if (namespace === undefined) return escape(key);
  return `%kv:${escape(namespace).replaceAll(":", "%3A")}:${escape(key)}`;
}

function escape(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("/", "%2F");
}
