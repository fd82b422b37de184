import { Writable } from "node:stream";
import { pino } from "pino";
import type { DestinationStream, Logger as PinoLogger } from "pino";
import { isGreenticError } from "../types/index.ts";
import type { SecretRedactor } from "./secret-redactor.ts";
import { logSafe, SECRET_FIELDS } from "./redact.ts";

/** The structured log. Fields hold names, codes and counts; texts of messages and secrets have no place in them. */
export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "level"> & { flush?(): void };

export interface LoggerOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  readonly format: "json" | "pretty";
  /** Where lines go; stderr by default, since stdout is data. */
  readonly stream?: DestinationStream;
  /** Takes out the secrets that the process knows. */
  readonly redactor?: SecretRedactor;
}

/** Makes the log of a process. */
export function createLogger(options: LoggerOptions): Logger {
  const target = withoutSecrets(options.stream ?? pino.destination({ fd: 2, sync: true }), options.redactor);
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [`["${name}"]`, `*["${name}"]`]), censor: "[redacted]" },
      serializers: { err: safeError },
    },
    options.format === "pretty" ? prettyStream(target) : target,
  );
}

function withoutSecrets(target: DestinationStream, redactor: SecretRedactor | undefined): DestinationStream {
  return redactor === undefined ? target : { write: (line) => target.write(redactor.redact(line)) };
}

/** Keeps of an error what is safe to print: code, kind and our own message; of a foreign one its name only. */
function safeError(error: unknown): object {
  if (isGreenticError(error))
    return {
      code: error.code,
      kind: error.kind,
      message: logSafe(error.message),
      ...(error.at && { at: `${error.at.file}:${error.at.line}:${error.at.column}` }),
    };
  return { name: error instanceof Error ? error.name : typeof error };
}

/** Turns JSON lines into lines for people: time, level, message, then fields. */
function prettyStream(target: DestinationStream): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      for (const line of String(chunk).split("\n").filter(Boolean)) {
        const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
        const rest = Object.entries(fields).map(
          ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
        );
        target.write(
          `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${[typeof msg === "string" ? msg : "", ...rest].join(" ")}\n`,
        );
      }
      done();
    },
  });
}
