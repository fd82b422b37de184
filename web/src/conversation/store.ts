import { batch, computed, signal } from "@preact/signals";
import { Connection, openStorage, Outbox } from "../directline/index.ts";
import type { Activity, ConnectionState, ConversationStorage, Delivery } from "../directline/index.ts";
import { locale } from "../words/index.ts";
import { chipsOf, isAsking, isShown, received } from "./message.ts";
import type { Chip, Message } from "./message.ts";

/** How long a typing activity stands for. */
const TYPING_MS = 12_000;

/** A conversation as signals that the view reads, and what the person can do in it. */
export class Conversation {
  /** What the host has confirmed, in the host's order, and what failed, where it failed. */
  readonly #confirmed = signal<readonly Message[]>([]);
  /** What is on its way, in the person's order; shown after everything confirmed. */
  readonly #pending = signal<readonly Message[]>([]);
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #storage: ConversationStorage;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;
  #userId = "";

  readonly connection = signal<ConnectionState>({ kind: "connecting" });
  readonly isTyping = signal(false);
  readonly hasEnded = signal(false);
  readonly messages = computed<readonly Message[]>(() => [...this.#confirmed.value, ...this.#pending.value]);
  /** The worker's newest message while nothing was answered to it. */
  readonly unanswered = computed<Message | undefined>(() => {
    const last = this.messages.value.findLast((message) => message.delivery.kind !== "failed");
    return last === undefined || last.isMine ? undefined : last;
  });
  readonly question = computed<Activity | undefined>(() => {
    const activity = this.unanswered.value?.activity;
    return activity !== undefined && isAsking(activity) ? activity : undefined;
  });
  readonly chips = computed<readonly Chip[]>(() => {
    const activity = this.unanswered.value?.activity;
    return activity === undefined || this.hasEnded.value ? [] : chipsOf(activity);
  });
  /** What was submitted from which card: activity id of the card → values. */
  readonly submissions = computed<ReadonlyMap<string, unknown>>(() => {
    const mine = this.messages.value.filter(
      (m) => m.isMine && m.delivery.kind !== "failed" && m.activity.value !== undefined,
    );
    return new Map(mine.map((m) => [m.activity.replyToId ?? "", m.activity.value]));
  });

  /** `tokenSite` is the site whose server says who may talk here, where one does. */
  constructor(tenant: string, tokenSite: string | undefined) {
    this.#storage = openStorage(tenant);
    this.#outbox = new Outbox({
      post: (activity) => this.#connection.post(activity),
      onDelivery: (id, delivery) => this.#onDelivery(id, delivery),
    });
    this.#connection = new Connection({
      base: `${location.origin}/v1/messaging/webchat/${tenant}/v3/directline`,
      storage: this.#storage,
      locale: () => locale.value,
      tokenSite,
      onState: (state) => this.#onState(state),
      onActivities: (activities) => batch(() => activities.forEach((activity) => this.#onActivity(activity))),
      onConversation: ({ userId }, { isResumed }) => {
        this.#userId = userId;
        this.#restore(isResumed);
      },
    });
  }

  /** The token and id under which the host knows this conversation, for its live steps. */
  get credentials(): { readonly conversationId: string; readonly token: string } | undefined {
    return this.#connection.conversation;
  }

  start(): void {
    this.#connection.start();
  }

  /** Leaves what was said and begins a new conversation. */
  restart(): void {
    batch(() => {
      this.#confirmed.value = [];
      this.#pending.value = [];
      this.hasEnded.value = false;
      this.isTyping.value = false;
    });
    this.#outbox.clear();
    this.#storage.saveUnsent([]);
    this.#connection.restart();
  }

  /** Says something in words, with files. */
  say(text: string, files: readonly File[] = []): void {
    const attachments = files.map((file) => ({
      contentType: file.type === "" ? "application/octet-stream" : file.type,
      name: file.name,
      // What is shown until the host has it.
      contentUrl: URL.createObjectURL(file),
      file,
    }));
    const words = text === "" ? {} : { text, textFormat: "plain" };
    this.#send({ type: "message", ...words, ...(attachments.length === 0 ? {} : { attachments }) });
  }

  /** Sends the values of a card or button; `title` is what was pressed and stands for them on screen. */
  submit(value: unknown, options: { readonly title: string; readonly replyToId?: string | undefined }): void {
    const { title, replyToId } = options;
    this.#send({
      type: "message",
      value,
      channelData: { displayText: title },
      ...(replyToId === undefined ? {} : { replyToId }),
    });
  }

  press(chip: Chip): void {
    if (chip.kind === "say") this.say(chip.text);
    else if (chip.kind === "submit")
      this.submit(chip.value, { title: chip.title, replyToId: this.unanswered.value?.activity.id });
    else open(chip.url, "_blank", "noopener,noreferrer");
  }

  /** Sends a failed message again under the id that it had, so that it can't be received twice. */
  retry(message: Message): void {
    this.#confirmed.value = this.#confirmed.value.filter((m) => m.key !== message.key);
    this.#pending.value = [
      ...this.#pending.value.filter((m) => m.key !== message.key),
      { ...message, delivery: { kind: "sending" } },
    ];
    this.#saveUnsent();
    this.#outbox.add(message.activity);
  }

  #send(activity: Activity): void {
    const key = crypto.randomUUID();
    const stamped: Activity = {
      ...activity,
      locale: locale.value,
      from: { id: this.#userId, role: "user" },
      timestamp: new Date().toISOString(),
      channelData: { ...activity.channelData, clientActivityID: key },
    };
    const message: Message = { key, isMine: true, activity: stamped, atMs: Date.now(), delivery: { kind: "sending" } };
    this.#pending.value = [...this.#pending.value, message];
    this.#saveUnsent();
    this.#outbox.add(stamped);
  }

  #onState(state: ConnectionState): void {
    batch(() => {
      this.connection.value = state;
      if (state.kind !== "connected") this.#setTyping(false);
    });
    this.#outbox.setOnline(state.kind === "connected");
  }

  #onActivity(activity: Activity): void {
    const isMine = this.#isMine(activity);
    if (activity.type === "typing") {
      if (!isMine) this.#setTyping(true);
      return;
    }
    if (!isMine) this.#setTyping(false);
    if (activity.type === "endOfConversation") {
      this.hasEnded.value = true;
      this.#connection.stop();
      this.#storage.clear();
    }
    if (!isShown(activity)) return;
    const message = received(activity, isMine);
    if (isMine) this.#outbox.settle(message.key);
    if (
      this.#confirmed.value.some(
        (known) => known.key === message.key || (activity.id !== undefined && known.activity.id === activity.id),
      )
    )
      return;
    // A host that doesn't echo confirms by answering: what was sent belongs before the answer.
    const before = isMine
      ? []
      : this.#pending.value.filter((m) => m.delivery.kind === "sent" && m.activity.id !== undefined);
    this.#confirmed.value = [...this.#confirmed.value, ...before, message];
    this.#pending.value = this.#pending.value.filter((m) => m.key !== message.key && !before.includes(m));
    this.#saveUnsent();
  }

  #isMine(activity: Activity): boolean {
    const { from, channelData } = activity;
    if (from?.role === "user") return true;
    if (from?.role === "bot") return false;
    return from?.id === this.#userId || this.#pending.value.some((m) => m.key === channelData?.clientActivityID);
  }

  #onDelivery(key: string, delivery: Delivery): void {
    const message = this.#pending.value.find((m) => m.key === key);
    if (message === undefined) return;
    const id = delivery.kind === "sent" ? delivery.id : undefined;
    const activity = id === undefined ? message.activity : { ...message.activity, id };
    const next = { ...message, activity, delivery };
    if (delivery.kind === "failed") {
      // It stays where it was said; the conversation goes on below it.
      this.#pending.value = this.#pending.value.filter((m) => m !== message);
      this.#confirmed.value = [...this.#confirmed.value, next];
    } else {
      this.#pending.value = this.#pending.value.map((m) => (m === message ? next : m));
    }
    this.#saveUnsent();
  }

  /** Puts what an earlier load of this tab had not sent back in line, under its old ids. */
  #restore(isResumed: boolean): void {
    for (const { activity, failedCode } of this.#storage.loadUnsent()) {
      const key = activity.channelData?.clientActivityID;
      if (key === undefined || this.messages.value.some((m) => m.key === key)) continue;
      // Another conversation's answer isn't sent into this one unasked.
      const code = failedCode ?? (isResumed ? undefined : "CONVERSATION_EXPIRED");
      const delivery: Delivery = code === undefined ? { kind: "sending" } : { kind: "failed", code };
      this.#pending.value = [...this.#pending.value, { ...received(activity, true), delivery }];
      if (code === undefined) this.#outbox.add(activity);
    }
  }

  #saveUnsent(): void {
    // Files don't outlive the page that they were chosen in.
    const unsent = this.messages.value.filter(
      (m) => m.delivery.kind !== "sent" && m.activity.attachments?.some(({ file }) => file !== undefined) !== true,
    );
    this.#storage.saveUnsent(
      unsent.map(({ activity, delivery }) =>
        delivery.kind === "failed" ? { activity, failedCode: delivery.code } : { activity },
      ),
    );
  }

  #setTyping(isTyping: boolean): void {
    clearTimeout(this.#typingTimer);
    this.isTyping.value = isTyping;
    if (isTyping) this.#typingTimer = setTimeout(() => (this.isTyping.value = false), TYPING_MS);
  }
}
