/**
 * Message-IDs of what this channel sends. They carry the conversation, so that an answer finds it by its In-Reply-To or References
 * whatever became of the subject, and they are made from the outbox row's key, so that a repetition has the same.
 *
 *   <gt.{key}.{thread}.{mac}@{domain of the channel's address}>
 *
 * `mac` is 132 bits of HMAC-SHA256 over channel, person, thread and key: who answers from another address than the thread's person,
 * or makes one up, isn't in the thread.
 * @see https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4
 */
import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { ChannelAddress } from "../../provider.ts";
import type { MailPlace } from "./address.ts";

/** Who makes and reads the names: one channel with its secret. */
export interface ThreadKeeper {
  readonly address: ChannelAddress;
  /** The domain that stands in the names. */
  readonly domain: string;
}

const NAME = /^<gt\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{22}|0)\.([A-Za-z0-9_-]{22})@[^@<>\s]{1,253}>$/;
const KEY = /^[A-Za-z0-9_-]{1,64}$/;
/** What a thread's first reference is made from. It was never sent: it holds a thread together where servers rename messages. */
const ANCHOR = "thread";
const NO_THREAD = "0";

/** The Message-ID of a row, with its brackets; the same whenever it is made. */
export function messageIdOf(
  key: string,
  { place, keeper, secret }: { readonly place: MailPlace; readonly keeper: ThreadKeeper; readonly secret: string },
): string {
  const name = KEY.test(key) && key !== ANCHOR ? key : hash("sha256", key, "base64url");
  return `<gt.${name}.${place.thread || NO_THREAD}.${macOf(name, { place, keeper, secret })}@${keeper.domain}>`;
}

/** The name that all messages of a thread refer to; undefined where there is no thread. */
export function anchorOf(options: {
  readonly place: MailPlace;
  readonly keeper: ThreadKeeper;
  readonly secret: string;
}): string | undefined {
  const { place, keeper } = options;
  return place.thread === "" ? undefined : `<gt.${ANCHOR}.${place.thread}.${macOf(ANCHOR, options)}@${keeper.domain}>`;
}

/**
 * Finds the thread that an answer of a person belongs to: of the first of the names that is this channel's own and this person's.
 * Empty where a flow had written to them out of the blue, undefined where no name counts.
 */
export function findThread(
  names: readonly string[],
  {
    person,
    keeper,
    secrets,
  }: { readonly person: string; readonly keeper: ThreadKeeper; readonly secrets: readonly string[] },
): string | undefined {
  for (const name of names) {
    const [, key, written, mac] = NAME.exec(name) ?? [];
    if (key === undefined || written === undefined || mac === undefined) continue;
    const thread = written === NO_THREAD ? "" : written;
    const given = Buffer.from(mac);
    for (const secret of secrets) {
      const own = Buffer.from(macOf(key, { place: { person, thread }, keeper, secret }));
      if (given.length === own.length && timingSafeEqual(given, own)) return thread;
    }
  }
  return undefined;
}

/** The thread that a message opens, by what tells it from every other. */
export const threadOf = (dedupeKey: string): string => hash("sha256", dedupeKey, "base64url").slice(0, 22);

function macOf(
  key: string,
  { place, keeper, secret }: { readonly place: MailPlace; readonly keeper: ThreadKeeper; readonly secret: string },
): string {
  const { env, tenant, team, channel } = keeper.address;
  const signed = JSON.stringify(["greentic-email-1", env, tenant, team, channel, place.person, place.thread, key]);
  return createHmac("sha256", secret).update(signed).digest("base64url").slice(0, 22);
}
