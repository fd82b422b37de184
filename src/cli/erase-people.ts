import { hash } from "node:crypto";
import type { BlobStore } from "../blob/index.ts";
import type { Erased, Erasure, SessionStore } from "../session/index.ts";
import type { AuditLog } from "../telemetry/index.ts";

/** Erases what is kept of people, records and files, and puts on record that it was done; the record names them by hashes. */
export async function erasePeople(
  whose: Erasure,
  {
    actor,
    audit,
    store,
    blobs,
  }: {
    readonly actor: string;
    readonly audit: AuditLog;
    readonly store: Pick<SessionStore, "erase">;
    readonly blobs: Pick<BlobStore, "erase">;
  },
): Promise<Erased & { readonly files: number }> {
  const erased = { ...(await store.erase(whose)), files: await blobs.erase(whose) };
  const { env, tenant, team } = whose;
  await audit.record({
    actor,
    action: "session.erased",
    target: `${namesOf(whose)}: ${Object.entries(erased)
      .map(([what, count]) => `${count} ${what}`)
      .join(", ")}`,
    outcome: "allowed",
    env,
    tenant,
    ...(team !== undefined && { team }),
  });
  return erased;
}

/** The record outlives the people. */
function namesOf({ channel, conversation, user }: Erasure): string {
  return [
    channel === undefined ? "all channels" : `channel ${channel}`,
    ...(conversation === undefined ? [] : [`conversation sha256:${hash("sha256", conversation)}`]),
    ...(user === undefined ? [] : [`user sha256:${hash("sha256", user)}`]),
  ].join(", ");
}
