import { resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import type { TrustPolicy } from "../../pack/index.ts";
import { loadPublicKey, trustKey } from "../../pack/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { textOption } from "../command.ts";
import { trustOf } from "../trust.ts";

/** The option of verbs that judge signatures. */
export const PUBKEY_OPTION = {
  flags: "--pubkey <file>",
  summary: "the publisher's public key, instead of the trusted publishers of greentic.toml",
} as const;

/** Whom a judge of packs trusts: the key that was named, else whom the configuration does. @throws PACK_KEY_…, what `trustOf` throws */
export async function trustFor(input: CommandInput, io: CommandIo): Promise<TrustPolicy> {
  const pubkey = textOption(input, "pubkey");
  return pubkey === undefined
    ? trustOf(loadConfig({ cwd: io.cwd, environment: io.environment }))
    : trustKey(await loadPublicKey(resolve(io.cwd, pubkey)));
}
