import type { ComponentCall, ComponentHost, ComponentResult } from "../src/component/index.ts";
import type { JsonObject, TenantCtx } from "../src/types/index.ts";
import type { History } from "./history.ts";
import { textOf } from "./history.ts";
import type { Random } from "./random.ts";
import type { SimProcess } from "./sim-process.ts";

const STATS = { wallMs: 1, fuel: 1, peakMemoryBytes: 0, hostCalls: [], log: "" };
const NEVER = new Promise<never>(() => undefined);
/** Failures of one effect in a row stay below the attempts that the flows allow. */
const FAILURES_MAX = 2;

/** What may go wrong with an effect. */
export interface EffectWeather {
  fails(): boolean;
  slowMs(): number;
}

export interface ShopOptions {
  readonly history: History;
  readonly random: Random;
  readonly weather: EffectWeather;
  readonly nowMs: () => number;
}

/** The outside world that components act on: a service that sees every call with its idempotency key. */
export class Shop {
  readonly #options: ShopOptions;
  readonly #failures = new Map<string, number>();

  constructor(options: ShopOptions) {
    this.#options = options;
  }

  /** The component host of one life of a process: what a call does happens outside, and its answer comes back as an event. */
  connect(process: SimProcess): ComponentHost {
    const { life } = process;
    return {
      admit: (bytes) => examine(bytes),
      examine,
      describe: async () => ({ operations: [], i18nKeys: [] }),
      invoke: (ctx, call) => {
        if (!process.isAlive(life) || process.reach("effect.before")) return NEVER;
        return new Promise((resolve) => {
          const { random, weather } = this.#options;
          const { bornAtMs } = process;
          process.post(random.between(1, 30) + weather.slowMs(), `${process.name}: effect`, () => {
            const result = this.#act(ctx, call, bornAtMs);
            if (process.reach("effect.done")) return;
            process.post(random.between(0.1, 5), "", () => {
              if (!process.reach("effect.after")) resolve(result);
            });
          });
        });
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  #act(ctx: TenantCtx, call: ComponentCall, bornAtMs: number): ComponentResult {
    const { history, weather, nowMs } = this.#options;
    const input = call.input as JsonObject;
    const text = textOf(input["text"]);
    const last = textOf(input["last"] ?? "");
    const key = ctx.idempotencyKey ?? "";
    const failures = this.#failures.get(key) ?? 0;
    if (failures < FAILURES_MAX && weather.fails()) {
      this.#failures.set(key, failures + 1);
      return { kind: "error", error: { code: "SHOP_BUSY", message: "It is busy", retryable: true }, stats: STATS };
    }
    const tenant = String(ctx.tenant);
    history.effects.push({ tenant, key, text: `${call.operation} ${text}`, input: last, atMs: nowMs(), bornAtMs });
    return { kind: "ok", output: { mark: `${tenant}|${text}|${last}` }, stats: STATS };
  }
}

async function examine(bytes: Uint8Array): Promise<Awaited<ReturnType<ComponentHost["examine"]>>> {
  return {
    sha256: Buffer.from(bytes).toString("hex").slice(0, 64).padEnd(64, "0"),
    sizeBytes: bytes.byteLength,
    abi: "node06",
    imports: [],
    exports: [],
  };
}
