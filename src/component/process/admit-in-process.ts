import { fork } from "node:child_process";
import { ERROR_CODES, GreenticError } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import type { Admission } from "./admission-cache.ts";
import { checkInfo } from "./check-info.ts";
import { childCode } from "./child-code.ts";
import type { ChildLimits } from "./child-process.ts";
import { childFlags, residentBytes } from "./child-process.ts";
import type { ToParent, WireError } from "./messages.ts";

const LOOK_MS = 100;

/** Within what one component is read. */
export interface AdmissionLimits extends ChildLimits {
  readonly admissionMs: number;
}

/**
 * Reads one component in a process that is made for it and ends with it: bytes of strangers are taken apart where no call of
 * anybody's runs, and where no other component is read after them.
 * @throws what the reader refuses; COMPONENT_LIMIT_EXCEEDED where it takes too long or too much; COMPONENT_BINARY_INVALID where the
 * process dies of it; COMPONENT_HOST_LOST where `signal` ends it
 */
export async function admitInProcess(
  bytes: Uint8Array,
  options: { readonly sha256: string; readonly limits: AdmissionLimits; readonly signal: AbortSignal },
): Promise<Admission> {
  const { limits, signal, sha256 } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Admission>();
  const lost = (): void => reject(problem("COMPONENT_HOST_LOST", "the host is ending"));
  if (signal.aborted) lost();
  const child = fork(childCode().entry, [JSON.stringify(limits.linker)], {
    execArgv: [...childFlags(limits)],
    env: {},
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const exceeded = (limit: string, value: number): void =>
    reject(
      new GreenticError("COMPONENT_LIMIT_EXCEEDED", `Admit component: reading it takes more than ${value} (${limit})`, {
        details: { limit, value },
      }),
    );
  const look = async (): Promise<void> => {
    const rss = await residentBytes(child.pid);
    if (rss !== undefined && rss > limits.maxRssBytes) exceeded("maxRssBytes", limits.maxRssBytes);
  };
  const watch = setInterval(() => void look(), LOOK_MS);
  const deadline = setTimeout(() => exceeded("admissionMs", limits.admissionMs), limits.admissionMs);
  signal.addEventListener("abort", lost);
  child.on("message", (message: ToParent) => {
    try {
      if (message.kind === "refused") reject(fromWire(message.error));
      if (message.kind !== "admitted") return;
      const info = checkInfo(message.info, { sha256, sizeBytes: bytes.byteLength });
      if (info !== undefined && message.plan instanceof Uint8Array) resolve({ info, plan: message.plan });
      else reject(problem("COMPONENT_BINARY_INVALID", "the process that read it makes no sense"));
    } catch {
      reject(problem("COMPONENT_BINARY_INVALID", "the process that read it makes no sense"));
    }
  });
  child.on("error", () => reject(problem("COMPONENT_HOST_LOST", "no process could be started")));
  child.once("exit", () => reject(problem("COMPONENT_BINARY_INVALID", "the process that read it ended of it")));
  child.send({ kind: "admit", id: 0, bytes }, () => undefined);
  try {
    return await promise;
  } finally {
    clearInterval(watch);
    clearTimeout(deadline);
    signal.removeEventListener("abort", lost);
    child.kill("SIGKILL");
  }
}

function problem(code: ErrorCode, state: string): GreenticError {
  return new GreenticError(code, `Admit component: ${state}`);
}

function fromWire({ code, message, details }: WireError): GreenticError {
  const known = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : "COMPONENT_BINARY_INVALID";
  return new GreenticError(known, message, { details });
}
