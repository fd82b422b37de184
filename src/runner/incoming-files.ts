import { hash } from "node:crypto";
import { isBlobUrl } from "../blob/index.ts";
import type { FetchedFile, FileKeeper, Provider } from "../messaging/index.ts";
import { isDataUrl, pause, refusedFile } from "../messaging/index.ts";
import type { Lease } from "../session/index.ts";
import type { Attachment, ChannelMessageEnvelope, ErrorCode, JsonValue } from "../types/index.ts";
import { GreenticError, parseSessionKey } from "../types/index.ts";
import type { EngineEnv } from "./engine-env.ts";
import { relayedMessage } from "./own-envelope.ts";
import { LATER_TIMER } from "./trigger.ts";
import type { Trigger } from "./trigger.ts";

/** A turn that a message made run. */
export type MessageTrigger = Extract<Trigger, { kind: "message" }>;

/** Where a turn's journal keeps the files of its message: below effects and the marks of suspects. */
export const FILES_SEQ = -1_000_000;
/** Files of one message; platforms send fewer. */
const MAX_FILES = 32;
/** Files that one process fetches at once: each holds a connection and some hundred kilobytes. */
const MAX_FETCHES = 32;
const FILE_TIMEOUT_MS = 60_000;
const PAUSES_MS = [500, 2_000];

/** What fetching the files of one message needs. */
export interface FilesOfMessage {
  readonly lease: Lease;
  readonly trigger: MessageTrigger;
  readonly provider: Provider;
  readonly signal: AbortSignal;
}

/**
 * Fetches the files that messages name, before their turns: what the flow sees is kept, or says by a code why it isn't. A crash
 * between the fetch and the turn fetches again, or finds in the journal what became of it; the same bytes are the same file.
 */
export class IncomingFiles {
  readonly #env: EngineEnv;
  readonly #files: FileKeeper;
  readonly #queue: (() => void)[] = [];
  #fetching = 0;

  constructor(env: EngineEnv, files: FileKeeper) {
    this.#env = env;
    this.#files = files;
  }

  /** Whether a message has files that its turn must wait for. */
  isWanted({ trigger, provider }: Omit<FilesOfMessage, "lease" | "signal">): boolean {
    const { envelope } = trigger.entry;
    const { attachments } = envelope;
    if (attachments.length === 0 || relayedMessage(envelope) !== undefined) return false;
    return attachments.some((file) => isHeld(file) || provider.isFile?.(file) === true);
  }

  /** Gives the trigger back with the message as its flow sees it. @throws STORE_…, where files can't be kept or the fence is stale */
  async take(message: FilesOfMessage): Promise<MessageTrigger> {
    const { lease, trigger } = message;
    const { entry } = trigger;
    const recorded = recordOf(lease, trigger);
    const attachments = recorded ?? (await this.#takeAll(message));
    if (recorded === undefined) await this.#record(message, attachments);
    return { ...trigger, entry: { ...entry, envelope: { ...entry.envelope, attachments } } };
  }

  async #takeAll(message: FilesOfMessage): Promise<readonly Attachment[]> {
    const { envelope } = message.trigger.entry;
    const taken: Attachment[] = [];
    let count = 0;
    for (const file of envelope.attachments) {
      const isFetched = message.provider.isFile?.(file) === true;
      if (!isFetched && !isHeld(file)) taken.push(file);
      else if (++count > MAX_FILES) taken.push(refusedFile(file, "MESSAGING_FILE_UNAVAILABLE"));
      else
        taken.push(isFetched ? await this.#inTurn(() => this.#fetch(file, message)) : await this.#held(file, message));
      message.signal.throwIfAborted();
    }
    return taken;
  }

  /** A file that came with the message: its bytes, or one that the channel kept for this session before. */
  async #held(file: Attachment, { lease }: FilesOfMessage): Promise<Attachment> {
    if (isDataUrl(file.url)) return this.#files.keepDataUrl(lease.key, file);
    // Whoever writes `blob:…` into a message names nothing by it that isn't their own.
    const owners = await this.#files.blobs.owners(parseSessionKey(lease.key), file.url ?? "");
    return owners.includes(lease.key) ? file : refusedFile(file, "MESSAGING_FILE_UNAVAILABLE");
  }

  async #fetch(file: Attachment, message: FilesOfMessage): Promise<Attachment> {
    const { world } = this.#env;
    if ((file.size_bytes ?? 0) > this.#files.rules.maxBytes) return refusedFile(file, "MESSAGING_FILE_TOO_LARGE");
    let error: ErrorCode = "MESSAGING_FILE_UNAVAILABLE";
    for (let attempt = 0; attempt <= PAUSES_MS.length; attempt++) {
      if (attempt > 0) await pause(PAUSES_MS[attempt - 1] ?? 0, { world, signal: message.signal });
      message.signal.throwIfAborted();
      const outcome = await this.#attempt(file, message);
      if (outcome.kind === "kept") return outcome.attachment;
      ({ error } = outcome);
      if (outcome.kind === "refused") break;
    }
    return refusedFile(file, error);
  }

  /** Fetches and keeps once, within its time. */
  async #attempt(
    file: Attachment,
    { lease, trigger, provider, signal }: FilesOfMessage,
  ): Promise<{ readonly kind: "kept"; readonly attachment: Attachment } | Exclude<FetchedFile, { kind: "fetched" }>> {
    const late = new AbortController();
    const cancel = this.#env.world.schedule(FILE_TIMEOUT_MS, () => late.abort());
    try {
      const fetched = await provider.fetchFile?.({
        file,
        message: trigger.entry.envelope,
        maxBytes: this.#files.rules.maxBytes,
        signal: AbortSignal.any([signal, late.signal]),
      });
      if (fetched === undefined) return { kind: "refused", error: "MESSAGING_FILE_UNREADABLE" };
      if (fetched.kind !== "fetched") return fetched;
      const { content, mimeType = file.mime_type, name = file.name } = fetched;
      return { kind: "kept", attachment: await this.#files.keep(lease.key, { content, mimeType, name }) };
    } catch (error) {
      signal.throwIfAborted();
      // The store's trouble is the turn's; the platform's is the file's.
      if (!(error instanceof GreenticError) || error.code.startsWith("STORE_")) throw error;
      return { kind: "retry", error: "MESSAGING_FILE_UNAVAILABLE" };
    } finally {
      cancel();
    }
  }

  /** Runs work once fewer than the most are under way. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#fetching >= MAX_FETCHES) await new Promise<void>((resolve) => void this.#queue.push(resolve));
    this.#fetching++;
    try {
      return await work();
    } finally {
      this.#fetching--;
      this.#queue.shift()?.();
    }
  }

  /** A turn that runs again after a crash must see what it saw: a platform may not have the file any more. */
  async #record({ lease, trigger }: FilesOfMessage, attachments: readonly Attachment[]): Promise<void> {
    await this.#env.store.record(lease, {
      turn: revisionOf(lease),
      seq: FILES_SEQ,
      node: trigger.isLater === true ? `attachments@${LATER_TIMER}` : "attachments",
      inputHash: inputHashOf(trigger),
      outcome: attachments as unknown as JsonValue,
    });
  }
}

/** Whether an attachment holds or names a kept file. */
function isHeld({ url }: Attachment): boolean {
  return isDataUrl(url) || isBlobUrl(url);
}

function recordOf(lease: Lease, trigger: MessageTrigger): readonly Attachment[] | undefined {
  const step = lease.steps.find(({ turn, seq }) => turn === revisionOf(lease) && seq === FILES_SEQ);
  const isOurs = step?.inputHash === inputHashOf(trigger) && Array.isArray(step.outcome);
  return isOurs ? step.outcome : undefined;
}

function inputHashOf({ entry }: MessageTrigger): string {
  const { envelope }: { readonly envelope: ChannelMessageEnvelope } = entry;
  return hash("sha256", JSON.stringify([entry.dedupeKey, entry.order, envelope.attachments]), "hex");
}

const revisionOf = ({ session }: Lease): number => (session?.revision ?? 0) + 1;
