import type { Pack } from "../pack/index.ts";
import type { Provider } from "../messaging/index.ts";
import { LLM_CATEGORY } from "./chat-reach.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { Scope } from "./runtime.ts";

/** Secrets under them are the host's own: the token of those who call a tenant's flows over MCP, the keys of language models. */
const HOST_CATEGORIES: ReadonlySet<string> = new Set(["mcp", LLM_CATEGORY]);

/**
 * Refuses a pack whose name is the category of secrets that aren't its own: secrets are kept by category, and a pack's is its name.
 * A provider pack may be named as the channel that it serves.
 * @throws RUNNER_PACK_NAME_RESERVED
 */
export function checkSecretCategory(pack: Pack, scope: Scope, providers: Iterable<Provider>): void {
  const isTaken =
    HOST_CATEGORIES.has(pack.name) ||
    (pack.kind !== "provider" &&
      [...providers].some(
        ({ address }) =>
          address.env === scope.env && address.tenant === scope.tenant && (address.channel as string) === pack.name,
      ));
  if (!isTaken) return;
  throw new GreenticError(
    "RUNNER_PACK_NAME_RESERVED",
    `Load pack ${quote(pack.name)}: the host keeps secrets under that name`,
  );
}
