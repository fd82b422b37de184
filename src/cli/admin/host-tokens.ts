import { existsSync } from "node:fs";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { AdminTokens } from "../../admin/index.ts";
import type { AdminTokensOptions } from "../../admin/index.ts";
import type { Config } from "../../config/index.ts";
import type { SharedTexts } from "../../files/index.ts";

const NAME = "admin-tokens";

/**
 * Opens the tokens of a host. Where processes share a store, what the data directory had by itself before is taken into it once, and
 * its file renamed to `admin-tokens.json.adopted`. @throws ADMIN_TOKENS_INVALID, STORE_UNAVAILABLE
 */
export async function openHostTokens(
  { dataDir }: Config,
  { texts, world }: { readonly texts: SharedTexts; readonly world: AdminTokensOptions["world"] },
): Promise<AdminTokens> {
  const kept = texts.of(NAME);
  const tokens = new AdminTokens({ kept, usedFile: join(dataDir, `${NAME}-used.json`), world });
  const own = join(dataDir, `${NAME}.json`);
  if (kept.place !== own && existsSync(own)) {
    await tokens.adopt(await readFile(own, "utf8"), own);
    await rename(own, `${own}.adopted`);
  }
  return tokens;
}
