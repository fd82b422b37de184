import type { Config } from "../config/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { SecretRedactor } from "../telemetry/index.ts";

const REDACTORS = new WeakMap<Config, SecretRedactor>();

/** Gives what keeps the secrets of a host out of its logs and exports: those that it was configured with, and every one that it reads. */
export function redactorOf(config: Config): SecretRedactor {
  const known = REDACTORS.get(config);
  if (known !== undefined) return known;
  const redactor = new SecretRedactor();
  for (const value of Object.values(config.telemetry.otlpHeaders)) redactor.add(value);
  if (config.libsql?.token !== undefined) redactor.add(config.libsql.token);
  for (const url of [config.redis?.url, config.postgres?.url, config.nats?.url])
    for (const [, password = ""] of url?.matchAll(/:\/\/[^/?#@]*?:([^/?#@]+)@/g) ?? []) {
      redactor.add(password);
      redactor.add(unescaped(password));
    }
  REDACTORS.set(config, redactor);
  return redactor;
}

/** Remembers every secret that is read, so that nothing says it. */
export function knowingReader(reader: SecretReader, redactor: SecretRedactor): SecretReader {
  return {
    async get(ctx, category, name) {
      const value = await reader.get(ctx, category, name);
      if (value !== undefined) redactor.add(value);
      return value;
    },
  };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
