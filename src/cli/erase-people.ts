import { hash } from "node:crypto";
import type { BlobStore } from "../blob/index.ts";
import type { Config } from "../config/index.ts";
import type { Erased, Erasure, SessionStore } from "../session/index.ts";
import { auditOf } from "./audit.ts";

/** Erases what is kept of people, records and files, and puts on record that it was done; the record names them by hashes. */
export async function erasePeople(
  whose: Erasure,
  {
    config,
    store,
    blobs,
    nowMs,
  }: {
    readonly config: Config;
    readonly store: Pick<SessionStore, "erase">;
    readonly blobs: Pick<BlobStore, "erase">;
    readonly nowMs: number;
  },
): Promise<Erased & { readonly files: number }> {
  const erased = { ...(await store.erase(whose)), files: await blobs.erase(whose) };
  const { env, tenant, team, channel, conversation, user } = whose;
  await auditOf(config).append(
    {
      event: "session.erased",
      tenant,
      env,
      team,
      channel,
      conversationHash: conversation === undefined ? undefined : hash("sha256", conversation),
      userHash: user === undefined ? undefined : hash("sha256", user),
      erased: { ...erased },
    },
    nowMs,
  );
  return erased;
}
