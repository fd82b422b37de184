import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { readConversation } from "../../src/conformance/flow-test/read-conversation.ts";
import { runConversation } from "../../src/conformance/flow-test/run-conversation.ts";
import type { Pack } from "../../src/pack/index.ts";
import { cardToText, cardsOf, PROVIDERS } from "../../src/messaging/index.ts";
import type { TurnJournal } from "../../src/runner/index.ts";
import { readTurnJournal } from "../../src/runner/index.ts";
import { consoleChannel, makePack, openTestRuntime, TENANT, TestWorld } from "../../src/runner/runtime-fixture.ts";
import type { SessionStore } from "../../src/session/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../src/types/index.ts";
import { DirectLineClient } from "../e2e/direct-line-client.ts";
import { verifies } from "../verifies.ts";
import { openEmailPerson } from "./email-person.ts";
import type { IngressPlatform } from "./ingress-platforms.ts";
import { INGRESS_PLATFORMS } from "./ingress-platforms.ts";
import type { Press } from "./reply-forms.ts";
import { PRESS } from "./reply-forms.ts";
import type { VirtualHost } from "./virtual-host.ts";
import { openVirtualHost } from "./virtual-host.ts";

const DIR = join(import.meta.dirname, "conversation");
const FILE = join(DIR, "order.test.yaml");
const conversation = readConversation(readFileSync(FILE, "utf8"), FILE);

/** What a conversation came to, without what is the channel's own: names of messages and people, and times. */
interface Course {
  readonly turns: readonly JsonValue[];
  /** The texts, actions and cards of every message, before any channel made its own of them. */
  readonly said: readonly JsonValue[];
  readonly session: JsonValue;
}

let pack: Pack;
let wanted: Course;
beforeAll(async () => {
  pack = await makePack({ flows: { on_message: readFileSync(join(DIR, "flows/on_message.ygtc"), "utf8") } });
  await using host = await openTestRuntime({ pack, providers: [consoleChannel()], journal: "replay" });
  for (const { input } of conversation.steps) await host.say(input);
  wanted = await courseOf(host.store, "console");
});

test("the recorded conversation passes as `gtc flow test` runs it", async () => {
  expect(await runConversation(conversation, { pack, timeoutMs: 10_000 })).toEqual({
    steps: conversation.steps.length,
    failures: [],
  });
  expect(wanted.said).toHaveLength(9);
});

type Form = Press["form"] | "text";

/** A person on a channel: what is said, and what is pressed of what was shown; undefined where no such thing was. */
interface Person {
  readonly say: (n: number, text: string) => Promise<unknown>;
  readonly press: (n: number, action: Action, at: number) => Promise<Form | undefined>;
  /** Resolves once what was said reached the person, where that takes more than virtual time. */
  readonly settle?: () => Promise<void>;
}

interface Action {
  readonly title: string;
  readonly value: string;
}

/** The forms that each channel's answers come in, step by step. */
const FORMS: Readonly<Record<string, readonly Form[]>> = {
  telegram: ["text", "button", "button", "text", "text", "text", "button", "text", "button"],
  slack: ["text", "button", "button", "text", "text", "text", "button", "text", "button"],
  whatsapp: ["text", "number", "button", "text", "text", "text", "button", "text", "number"],
  teams: ["text", "button", "button", "text", "text", "text", "card", "text", "button"],
  webex: ["text", "button", "button", "text", "text", "text", "card", "text", "button"],
  email: ["text", "number", "number", "text", "text", "text", "number", "text", "number"],
  webchat: ["text", "button", "button", "text", "text", "text", "card", "text", "button"],
};

type OpenHost = (more?: Partial<Parameters<typeof openVirtualHost>[0]>) => Promise<VirtualHost>;

const PEOPLE: readonly (readonly [type: string, open: (openHost: OpenHost) => Promise<[VirtualHost, Person]>])[] = [
  ...INGRESS_PLATFORMS.map(
    (platform) =>
      [
        platform.type,
        async (openHost: OpenHost): Promise<[VirtualHost, Person]> => {
          const host = await openHost();
          return [host, personOf(platform, host)];
        },
      ] as const,
  ),
  ["webchat", personOfWebChat],
  ["email", personOfEmail],
];

test("every built-in channel that people write by takes part", () => {
  const taking = PEOPLE.map(([type]) => type);
  const written = PROVIDERS.filter(({ type, domain }) => domain !== "events" && !NOT_TAKING.has(type));
  expect(written.map(({ type }) => type as string).filter((type) => !taking.includes(type))).toEqual([]);
});
/** Nobody writes by it. */
const NOT_TAKING: ReadonlySet<string> = new Set(["webhook-out"]);

test.each(PEOPLE)(
  "%s: the recorded conversation comes to the same, answered as people answer there",
  async (type, open) => {
    verifies("channels.same-conversation");
    const [opened, person] = await open((more = {}) => openVirtualHost({ pack, journal: "replay", ...more }));
    await using host = opened;
    const forms: Form[] = [];
    for (const [at, { input }] of conversation.steps.entries()) {
      const value = typeof input === "string" ? input : JSON.stringify(input);
      const offered = await lastOffered(host.store);
      const place = offered.findIndex((action) => action.value === value);
      const action = offered[place];
      const pressed = action === undefined ? undefined : await person.press(at + 1, action, place);
      if (pressed === undefined) await person.say(at + 1, value);
      forms.push(pressed ?? "text");
      await host.world.advance(5_000);
      await person.settle?.();
    }
    expect(forms).toEqual(FORMS[type]);
    const { turns, said, session } = await courseOf(host.store, type);
    expect(turns).toEqual(wanted.turns);
    expect(said).toEqual(wanted.said);
    // Where the session stands, its state, variables and what its nodes gave; a channel adds its own names to what was heard.
    expect(session).toMatchObject(wanted.session as object);
    expect((await host.store.listOutbox({})).every(({ status }) => status === "sent")).toBe(true);
  },
);

function personOf(platform: IngressPlatform, host: VirtualHost): Person {
  const { world, sends } = host;
  const shown: JsonObject[] = [];
  const look = (): readonly JsonObject[] => {
    const news = (sends[platform.type] ?? []).splice(0).map(({ body }) => body);
    if (news.length > 0) shown.splice(0, shown.length, ...news);
    return shown;
  };
  return {
    say: async (n, text) => {
      look();
      expect((await host.deliver(platform, platform.message(n, text, world.nowMs()))).status).toBe(200);
    },
    press: async (n, { title }, at) => {
      const press = PRESS[platform.type]({ n, atMs: world.nowMs(), shown: look(), title, at });
      if (press === undefined) return undefined;
      const answer = await (press.isForm === true
        ? host.submit(platform, press.body)
        : host.deliver(platform, press.body));
      expect(answer.status).toBe(200);
      return press.form;
    },
  };
}

async function personOfWebChat(openHost: OpenHost): Promise<[VirtualHost, Person]> {
  const host = await openHost();
  const { gateway, onClose } = host;
  const listening = await gateway.listen({ host: "127.0.0.1", port: 0 });
  onClose(() => listening.close());
  const client = new DirectLineClient(() => listening.url, { tenant: TENANT });
  await client.open();
  const person: Person = {
    say: (_n, text) => client.say(text),
    press: async (_n, { title, value }) => {
      await client.poll();
      const { suggestedActions, attachments } = client.heard.at(-1) ?? {};
      const button = suggestedActions?.actions.find((one) => one.title === title);
      if (button !== undefined) {
        await client.say(button.value);
        return "button";
      }
      if (!JSON.stringify(attachments ?? []).includes(JSON.stringify(title))) return undefined;
      await client.say("", JSON.parse(value) as object);
      return "card";
    },
  };
  return [host, person];
}

async function personOfEmail(openHost: OpenHost): Promise<[VirtualHost, Person]> {
  const world = new TestWorld();
  const { channel, say, shown, settle, close } = await openEmailPerson(world);
  const host = await openHost({ world, more: [channel] });
  host.onClose(close);
  const press: Person["press"] = async (n, { title }, at) => {
    if (!shown().some((text) => text.includes(`${at + 1}. ${title}`))) return undefined;
    await say(n, String(at + 1));
    return "number";
  };
  return [host, { say, press, settle: () => settle(host.store) }];
}

/** The actions of the last message that was said. */
async function lastOffered(store: SessionStore): Promise<readonly Action[]> {
  const [session] = await store.list({});
  const [entry] = session === undefined ? [] : await store.readJournal(session.key, { limit: 1 });
  const message = entry === undefined ? undefined : readTurnJournal(entry.turn)?.replay?.messages.at(-1);
  return message === undefined ? [] : actionsOf(message);
}

function actionsOf(message: ChannelMessageEnvelope): readonly Action[] {
  const ofCards = cardsOf(message).flatMap((card) => cardToText(card).actions);
  return [
    ...(message.extensions?.suggested_actions ?? []),
    ...ofCards.flatMap((action) => (action.kind === "submit" ? [{ title: action.title, value: action.value }] : [])),
  ];
}

async function courseOf(store: SessionStore, channel: string): Promise<Course> {
  const [summary, ...others] = await store.list({});
  expect([summary?.key.split(":")[3], others]).toEqual([channel, []]);
  const entries = summary === undefined ? [] : await store.readJournal(summary.key, { limit: 50 });
  const turns = entries.map(({ turn }) => readTurnJournal(turn) as TurnJournal);
  const replies = turns.flatMap(({ replay }) => replay?.messages ?? []);
  return {
    turns: plain(
      turns.map(({ by, from, status, waitingAt, errorCode, steps, said }) => ({
        by,
        from,
        status,
        waitingAt,
        errorCode,
        steps,
        said,
      })),
    ),
    said: plain(
      replies.map((message) => ({ text: message.text, actions: actionsOf(message), cards: cardsOf(message) })),
    ),
    session: withoutNames(plain({ ...summary?.session })),
  };
}

const plain = (value: object): never => JSON.parse(JSON.stringify(value)) as never;

/** What names a message, a person or a conversation: each channel has its own. */
const NAMES: ReadonlySet<string> = new Set([
  "id",
  "from",
  "to",
  "session_id",
  "channel",
  "user",
  "via",
  "tenant",
  "reply_scope",
  "correlation_id",
  "expiresAtMs",
]);

function withoutNames(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutNames);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !NAMES.has(name))
      .map(([name, part]) => [name, withoutNames(part)]),
  );
}
