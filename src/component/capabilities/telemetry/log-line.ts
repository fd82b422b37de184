import type { LogLine } from "../host-request.ts";

/** A guest's span, as far as it is written down. */
interface GuestSpan {
  readonly flowId: string;
  readonly nodeId: string | undefined;
  readonly provider: string;
  readonly sessionId: string | undefined;
  readonly startMs: bigint | undefined;
  readonly endMs: bigint | undefined;
}

type Field = readonly [name: string, value: string];

const LEVELS = new Set(["debug", "info", "warn", "error"]);
const MAX_FIELDS = 64;
const MAX_NAME = 64;
const MAX_VALUE = 4096;

/**
 * Makes one line of a guest's fields, `level` taken out, then its span's as `span.…`. What it says of tenant isn't written down, and
 * nothing of it is taken for the host's own: the line goes to the log of the call that made it.
 */
export function logLine(span: GuestSpan, fields: readonly Field[]): LogLine {
  const asked = fields.find(([name]) => name === "level")?.[1].toLowerCase() ?? "info";
  const rest = fields.filter(([name]) => name !== "level");
  const shown = rest.slice(0, MAX_FIELDS).map(format);
  if (rest.length > MAX_FIELDS) shown.push(`and ${rest.length - MAX_FIELDS} more fields`);
  return {
    level: (LEVELS.has(asked)
      ? asked
      : asked === "warning"
        ? "warn"
        : asked === "trace"
          ? "debug"
          : "info") as LogLine["level"],
    message: [...shown, ...spanFields(span).map(format)].join(" "),
  };
}

function spanFields({ flowId, nodeId, provider, sessionId, startMs, endMs }: GuestSpan): readonly Field[] {
  const all: readonly (readonly [string, string | undefined])[] = [
    ["span.flow", flowId],
    ["span.node", nodeId],
    ["span.provider", provider],
    ["span.session", sessionId],
    ["span.ms", startMs === undefined || endMs === undefined ? undefined : String(endMs - startMs)],
  ];
  return all.filter((field): field is Field => field[1] !== undefined && field[1] !== "");
}

function format([name, value]: Field): string {
  const key = name.slice(0, MAX_NAME).replaceAll(/[^A-Za-z0-9_.-]/g, "_");
  return `${key}=${value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value}`;
}
