// A component-host process: runs guests and nothing else. It has no files, network, processes, workers or environment; what a
// guest asks of the host goes to the parent, which knows the call's tenant and grants.
import { deserialize, serialize } from "node:v8";
import { isGreenticError } from "../../types/index.ts";
import type { HostAnswer } from "../capabilities/host-request.ts";
import type { ComponentPlan, LinkerLimits } from "../linker/index.ts";
import { DEFAULT_LIMITS } from "../linker/index.ts";
import type { GuestRun, ToChild, ToParent, WireError } from "./messages.ts";
import { readComponent } from "./read-component.ts";
import { ComponentRuntime } from "./runtime.ts";

const limits = JSON.parse(process.argv[2] ?? "{}") as Partial<LinkerLimits>;
const runtime = new ComponentRuntime(limits);
/** Who waits for the answer to which question of which call. */
const running = new Map<number, Map<number, (answer: HostAnswer) => void>>();
const tell = (message: ToParent): void => void process.send?.(message);

process.on("message", (message: ToChild) => {
  switch (message.kind) {
    case "admit":
      admit(message.id, message.bytes);
      return;
    case "prepare":
      runtime.prepare(message.info, deserialize(message.plan) as ComponentPlan);
      return;
    case "run":
      void run(message.id, message.run);
      return;
    case "answer": {
      const asks = running.get(message.id);
      asks?.get(message.ask)?.(message.answer);
      asks?.delete(message.ask);
      return;
    }
    case "ping":
      tell({ kind: "pong", id: message.id });
  }
});
process.on("disconnect", () => process.exit(0));
tell({ kind: "ready" });

function admit(id: number, bytes: Uint8Array): void {
  try {
    const { info, plan } = readComponent(bytes, { ...DEFAULT_LIMITS, ...limits });
    tell({ kind: "admitted", id, info, plan: serialize(plan) });
  } catch (error) {
    tell({ kind: "refused", id, error: wireError(error) });
  }
}

async function run(id: number, guestRun: GuestRun): Promise<void> {
  if (!guestRun.parts.every(({ sha256 }) => runtime.has(sha256))) {
    tell({ kind: "missing", id });
    return;
  }
  const asks = new Map<number, (answer: HostAnswer) => void>();
  running.set(id, asks);
  let nextAsk = 0;
  const result = await runtime.run(guestRun, {
    ask: (request, part) => {
      const ask = nextAsk++;
      const { promise, resolve } = Promise.withResolvers<HostAnswer>();
      asks.set(ask, resolve);
      tell({ kind: "ask", id, ask, part, request });
      return promise;
    },
    log: (line) => tell({ kind: "log", id, line }),
  });
  running.delete(id);
  tell({ kind: "result", id, result });
}

function wireError(error: unknown): WireError {
  if (isGreenticError(error)) return { code: error.code, message: error.message, details: error.details };
  const name = error instanceof Error ? error.name : typeof error;
  return { code: "COMPONENT_BINARY_INVALID", message: `Admit component: ${name}`, details: undefined };
}
