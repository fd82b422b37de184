import { GreenticError, isGreenticError } from "../../types/index.ts";
import { openPack } from "../open-pack.ts";
import type { TrustPolicy } from "../trust.ts";
import { NOW } from "./signed-packs.ts";

/** The code of the pack layer that refuses a mutant, or "accepted". @throws whatever isn't a refusal: a crash */
export async function tryMutant(bytes: Uint8Array, trust: TrustPolicy): Promise<string> {
  try {
    await openPack(bytes, { trust, nowMs: NOW });
    return "accepted";
  } catch (error) {
    if (isGreenticError(error) && error instanceof GreenticError && error.code.startsWith("PACK_")) return error.code;
    throw error;
  }
}
