import type { JsonObject } from "../types/index.ts";
import { accessRoutes } from "./routes/access.ts";
import { auditRoutes } from "./routes/audit.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { drainRoutes } from "./routes/drain.ts";
import { erasureRoutes } from "./routes/erasures.ts";
import { hostRoutes } from "./routes/host.ts";
import { oauthRoutes } from "./routes/oauth.ts";
import { outboxRoutes } from "./routes/outbox.ts";
import { packRoutes } from "./routes/packs.ts";
import { policyRoutes } from "./routes/policies.ts";
import { revocationRoutes } from "./routes/revocations.ts";
import { secretRoutes } from "./routes/secrets.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import type { AdminTokens } from "./tokens/admin-tokens.ts";
import type { Route } from "./route.ts";

/** What the table is made with. */
export interface TableOptions {
  readonly tokens: AdminTokens;
  readonly maxPackBytes: number;
  readonly document: () => JsonObject;
}

/** Everything that is served, in the order of the document. */
export function routeTable({ tokens, maxPackBytes, document }: TableOptions): readonly Route[] {
  return [
    ...hostRoutes(document),
    ...drainRoutes,
    ...revocationRoutes,
    ...packRoutes(maxPackBytes),
    ...sessionRoutes,
    ...erasureRoutes,
    ...outboxRoutes,
    ...deadLetterRoutes,
    ...secretRoutes,
    ...oauthRoutes,
    ...accessRoutes,
    ...policyRoutes,
    ...tokenRoutes(tokens),
    ...auditRoutes,
  ];
}
