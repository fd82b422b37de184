// The public contract of runners, from outside: <runner> PACK [args], an environment, an activity on standard input, one JSON object.
import { isGreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonObject } from "../types/index.ts";
import type { RunnerRun } from "./run-runner.ts";

/** The name of the environment's variable that says a judge is asking. */
const CONFORMANCE_FLAG = "GREENTIC_CONFORMANCE";

/** The name of the environment's variable that says where messages go. */
export const PLATFORM_VARIABLE = "GREENTIC_CONFORMANCE_PLATFORM";

/** The environment of a run, beside what a runner's operator gives it. */
export function contractOf(
  pack: string,
  { session, isOnline = false }: { readonly session: string; readonly isOnline?: boolean },
): Readonly<Record<string, string>> {
  return {
    [CONFORMANCE_FLAG]: "1",
    GREENTIC_CONFORMANCE_MODE: "mock",
    GREENTIC_PACK_PATH: pack,
    ...(!isOnline && { GREENTIC_DISABLE_NETWORK: "1" }),
    TENANT_ID: "conformance",
    TEAM_ID: "default",
    USER_ID: "conformance",
    SESSION_ID: session,
  };
}

/** The session of the public levels. */
export const SESSION = "conformance-session";

const MAX_SAID = 300;

/** What a run said, cut to what a reason may hold, quoted. */
export const shown = (text: string): string => quote(text.trim().slice(0, MAX_SAID));

/** Why a run isn't one that ended well; undefined where it is. */
export function problemOf(run: RunnerRun, timeoutMs: number): string | undefined {
  if (run.kind === "unstarted") return `it can't be started: ${run.reason}`;
  if (run.kind === "late") return `it took more than ${timeoutMs} ms`;
  if (run.kind === "killed") return "it was killed";
  return run.kind === "flood" ? "it printed more than 4 MiB" : exitProblem(run);
}

function exitProblem({ code, stderr }: RunnerRun & { readonly kind: "exited" }): string | undefined {
  if (code === 0) return undefined;
  return `exit code ${code}${stderr.trim() === "" ? "" : `, saying ${shown(stderr)}`}`;
}

/** The one object that a run printed. */
export function answerOf(run: RunnerRun): JsonObject | undefined {
  if (run.kind !== "exited") return undefined;
  try {
    const value = parseJson(run.stdout);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return undefined;
  }
}
