import { answer } from "./define.ts";
import type { WasiInterface } from "./define.ts";

const bytes = answer((wasi, count: bigint) => wasi.random(count));
const u64 = answer((wasi) => wasi.randomU64());

export const random: WasiInterface = { "get-random-bytes": bytes, "get-random-u64": u64 };
/** The good source serves here too. */
export const insecureRandom: WasiInterface = { "get-insecure-random-bytes": bytes, "get-insecure-random-u64": u64 };
export const insecureSeed: WasiInterface = { "insecure-seed": answer((wasi) => [wasi.randomU64(), wasi.randomU64()]) };
