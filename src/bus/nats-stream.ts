import type { JetStreamManager } from "@nats-io/jetstream";
import type { EnvId } from "../types/index.ts";
import type { SubjectPattern } from "./subjects.ts";
import { subjectsBelow } from "./subjects.ts";

/** Wake-ups older than this are of no use: sweeps have found what they were about. */
const MAX_AGE_MS = 60_000;
const MAX_BYTES = 64 << 20;
/** Within this time a second message of the same id is dropped. */
const DUPLICATE_WINDOW_MS = 60_000;
/** A wake-up that isn't acknowledged by then goes to another subscriber of the group. */
const ACK_WAIT_MS = 5_000;
const MAX_DELIVER = 4;
/** Wake-ups that all subscribers of a group have in hand. */
const MAX_ACK_PENDING = 20_000;
/** A group that nobody has pulled for is forgotten. */
const INACTIVE_MS = 24 * 3_600_000;
const NANOS = 1_000_000;
const STREAM_NOT_FOUND = 10_059;
const CONSUMER_NOT_FOUND = 10_014;

/** The stream of one env's wake-ups: deployments that share a server keep to themselves, and none crowds out another. */
export function streamOf(env: EnvId): string {
  return `GREENTIC_MESSAGING_${env}`;
}

/** Makes the stream where it isn't there. One that is there keeps the limits that its operator gave it. */
export async function ensureStream(jsm: JetStreamManager, env: EnvId): Promise<void> {
  const name = streamOf(env);
  try {
    await jsm.streams.info(name);
    return;
  } catch (error) {
    if (!isMissing(error, STREAM_NOT_FOUND)) throw error;
  }
  await jsm.streams.add({
    name,
    subjects: [subjectsBelow("ingress", { env }), subjectsBelow("egress", { env })],
    // Inbox and outbox are the truth: what a server forgets is announced again, so that nothing need wait for a disk.
    storage: "memory",
    retention: "limits",
    discard: "old",
    max_age: MAX_AGE_MS * NANOS,
    max_bytes: MAX_BYTES,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOS,
  });
}

/** Makes a group's durable consumer where it isn't there, and gives its name. */
export async function ensureConsumer(
  jsm: JetStreamManager,
  { env, group, pattern }: { readonly env: EnvId; readonly group: string; readonly pattern: SubjectPattern },
): Promise<string> {
  const stream = streamOf(env);
  const name = consumerOf(group, pattern);
  try {
    await jsm.consumers.info(stream, name);
    return name;
  } catch (error) {
    if (!isMissing(error, CONSUMER_NOT_FOUND)) throw error;
  }
  await jsm.consumers.add(stream, {
    durable_name: name,
    filter_subject: pattern,
    ack_policy: "explicit",
    deliver_policy: "new",
    ack_wait: ACK_WAIT_MS * NANOS,
    max_deliver: MAX_DELIVER,
    max_ack_pending: MAX_ACK_PENDING,
    inactive_threshold: INACTIVE_MS * NANOS,
  });
  return name;
}

/** Names the consumer whose lag tells how much waits for workers, or for senders. */
export function wakeUpConsumer(env: EnvId, group: "workers" | "senders"): string {
  return consumerOf(group, subjectsBelow(group === "workers" ? "ingress" : "egress", { env }));
}

/** Names the consumer of a group: a stream's consumers may not hold dots, and ids hold neither `_` nor capitals, so no two share one. */
function consumerOf(group: string, pattern: SubjectPattern): string {
  return `${group}_${pattern.replaceAll(".", "_").replace(">", "ALL")}`;
}

/** What the server says of a stream or consumer that it doesn't have. */
function isMissing(error: unknown, code: number): boolean {
  return error instanceof Error && (error as { readonly code?: unknown }).code === code;
}
