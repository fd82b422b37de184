import { withoutLogin } from "../config/index.ts";
import type { Config, ConfigOrigin } from "../config/index.ts";

/** One value of the configuration as operators are shown it. */
export interface ConfigValue {
  readonly key: string;
  readonly value: unknown;
  readonly origin: ConfigOrigin;
}

/** Lists the configuration and where each value came from; addresses lose their logins. */
export function configRows(config: Config): readonly ConfigValue[] {
  return Object.entries(config.origins).map(([key, origin]) => ({ key, value: valueOf(config, key), origin }));
}

/** The same for those who aren't at the machine: texts below names of secrets are hidden, and so are logins of any address. */
export function safeConfigRows(config: Config): readonly ConfigValue[] {
  return configRows(config).map(({ key, value, origin }) => ({ key, value: hidden(key, value), origin }));
}

const SECRET_NAME = /secret|token|password|api_?key|authorization|credential|bearer/i;

function hidden(name: string, value: unknown): unknown {
  if (typeof value === "string") {
    if (SECRET_NAME.test(name.split(".").at(-1) ?? "")) return "(hidden)";
    return value.replaceAll(/(:\/\/)[^/?#@\s]*@/g, "$1(hidden)@");
  }
  if (Array.isArray(value)) return value.map((one) => hidden(name, one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, hidden(key, one)]));
}

/** Finds the value under a dotted, snake-case key. */
function valueOf(config: Config, key: string): unknown {
  const path = key
    .replace(/^server\./, "")
    .split(".")
    .map((part) => part.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase()));
  let value: unknown = config;
  for (const part of path) value = (value as Record<string, unknown> | undefined)?.[part];
  // One signs tokens, the other is one.
  if ((key === "server.token_key" || key === "libsql.token") && value !== undefined) return "***";
  return key.endsWith(".url") && typeof value === "string" ? withoutLogin(value) : value;
}
