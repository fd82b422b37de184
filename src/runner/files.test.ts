import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { openMemoryBlobs } from "../blob/index.ts";
import type { BlobStore } from "../blob/index.ts";
import type { FetchedFile, FileRequest, Provider } from "../messaging/index.ts";
import { DEFAULT_FILE_RULES, FileKeeper, receiveConsole } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { Attachment, ChannelMessageEnvelope, JsonValue } from "../types/index.ts";
import { GreenticError, channelId, formatSessionKey, conversationId, tenantId, userId } from "../types/index.ts";
import { dyingStore } from "./crash-fixture.ts";
import { ENV, makePack, openTestRuntime, settle, TEAM, TENANT, TestWorld } from "./runtime-fixture.ts";
import type { TestRuntimeOptions } from "./runtime-fixture.ts";

const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: tell
nodes:
  tell:
    message.send:
      text: "{{in.text}}"
      attachments: "{{in.attachments}}"
    routing: out
`,
  },
});

const brochure = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: tell
nodes:
  tell:
    message.send:
      attachments: [{ asset: brochure.txt }, { url: "{{in.text}}", mime_type: text/plain, name: ../x.txt }]
    routing: out
`,
  },
  assets: { "brochure.txt": "Buy now" },
});

const HELLO = "blob:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const SESSION = formatSessionKey({
  env: ENV,
  tenant: TENANT,
  team: TEAM,
  channel: channelId("platform"),
  conversation: conversationId("s1"),
  user: userId("console"),
});

/** A platform with files, and what it got. */
class Platform {
  readonly asked: FileRequest[] = [];
  readonly sent: { readonly payload: JsonValue; readonly files: readonly string[] }[] = [];
  answer: (request: FileRequest) => FetchedFile | Promise<FetchedFile> = () => fetched("hello");

  readonly channel: Provider = {
    type: "platform",
    address: { env: ENV, tenant: TENANT, team: TEAM, channel: channelId("platform") },
    delivery: { kind: "send", sinkClass: "A" },
    dedupeTtlMs: 86_400_000,
    isFile: ({ content }) => typeof content === "object" && content !== null && "file_id" in content,
    fetchFile: async (request) => {
      this.asked.push(request);
      return this.answer(request);
    },
    project: ({ text = "", attachments }) => [{ text, attachments: attachments as unknown as JsonValue }],
    send: async (payload, { openFile }) => {
      const { attachments } = payload as unknown as ChannelMessageEnvelope;
      const files: string[] = [];
      for (const { url = "" } of attachments) {
        const file = await openFile?.(url);
        let text = "";
        for await (const chunk of file?.read() ?? []) text += Buffer.from(chunk).toString();
        files.push(text);
      }
      this.sent.push({ payload, files });
      return { kind: "sent" };
    },
  };
}

async function* content(...parts: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) yield Buffer.from(part);
}

const fetched = (text: string, mimeType = "text/plain"): FetchedFile => ({
  kind: "fetched",
  content: content(text),
  mimeType,
});
const FILE: Attachment = { mime_type: "application/octet-stream", content: { file_id: "f1" }, name: "a/notes.txt" };

function keeperOf(blobs: BlobStore, world: TestWorld, maxBytes = 64): FileKeeper {
  return new FileKeeper({
    blobs,
    rules: { ...DEFAULT_FILE_RULES, maxBytes },
    keepMs: () => 86_400_000,
    nowMs: () => world.nowMs(),
  });
}

interface Story {
  readonly platform: Platform;
  readonly world: TestWorld;
  readonly blobs: BlobStore;
}

/** Sends a message with attachments and lets everything happen; time moves past pauses and leases. */
async function tell(
  attachments: readonly Attachment[],
  {
    text = "hi",
    ...options
  }: TestRuntimeOptions & {
    readonly text?: string;
    readonly platform?: Platform;
    readonly blobs?: BlobStore;
  },
): Promise<Story> {
  const world = options.world ?? new TestWorld();
  const { platform = new Platform(), blobs = openMemoryBlobs() } = options;
  const tested = await openTestRuntime({
    pack,
    providers: [platform.channel],
    files: keeperOf(blobs, world),
    ...options,
    world,
  });
  const message = receiveConsole(platform.channel.address, text, { session: "s1", id: "m1" });
  const envelope = { ...message.envelope, attachments };
  await Promise.race([tested.runtime.accept(platform.channel, { ...message, envelope }), settle()]);
  for (let n = 0; n < 8; n++) await world.advance(1_000);
  return { platform, world, blobs };
}

describe("a message with files", () => {
  test("is seen by its flow with kept files, and leaves with references that the sender opens", async () => {
    verifies("attachments.in");
    const { platform } = await tell([FILE], {});
    expect(platform.asked).toHaveLength(1);
    expect(platform.asked[0]).toMatchObject({ file: FILE, maxBytes: 64, message: { text: "hi" } });
    expect(platform.sent).toEqual([
      {
        payload: {
          text: "hi",
          attachments: [{ mime_type: "text/plain", name: "notes.txt", size_bytes: 5, url: HELLO }],
        },
        files: ["hello"],
      },
    ]);
  });

  test("runs its flow all the same where a file is refused or can't be fetched, and says why", async () => {
    const platform = new Platform();
    const answers: readonly FetchedFile[] = [
      fetched("x".repeat(65)),
      fetched("MZ\u0000"),
      { kind: "refused", error: "MESSAGING_FILE_HOST_REFUSED" },
    ];
    platform.answer = ({ file }) => answers[Number((file.content as { file_id: string }).file_id)] as FetchedFile;
    const files = ["0", "1", "2"].map((id) => ({ ...FILE, content: { file_id: id } }));
    await tell([...files, { ...FILE, size_bytes: 65 }, { mime_type: "x/location", content: { lat: 1 } }], { platform });
    const { attachments } = (platform.sent[0] as { payload: unknown }).payload as ChannelMessageEnvelope;
    expect(attachments.map(({ content }) => content)).toEqual([
      { code: "MESSAGING_FILE_TOO_LARGE" },
      { code: "MESSAGING_FILE_TYPE_REFUSED" },
      { code: "MESSAGING_FILE_HOST_REFUSED" },
      { code: "MESSAGING_FILE_TOO_LARGE" },
      { lat: 1 },
    ]);
    expect(attachments.some(({ url }) => url !== undefined)).toBe(false);
    expect(platform.asked).toHaveLength(3);
  });

  test("is fetched again where the platform or the connection fails, a few times", async () => {
    const platform = new Platform();
    platform.answer = () => {
      if (platform.asked.length === 1) return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" };
      if (platform.asked.length > 2) return fetched("hello");
      const broken = async function* (): AsyncGenerator<Uint8Array, void> {
        yield Buffer.from("hel");
        throw new GreenticError("HTTP_UNAVAILABLE", "Read: broken off");
      };
      return { kind: "fetched", content: broken() };
    };
    await tell([FILE], { platform });
    expect(platform.asked).toHaveLength(3);
    expect(platform.sent[0]?.files).toEqual(["hello"]);
    const gone = new Platform();
    gone.answer = () => ({ kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" });
    await tell([FILE], { platform: gone });
    expect(gone.sent[0]?.payload).toMatchObject({
      attachments: [{ content: { code: "MESSAGING_PLATFORM_UNAVAILABLE" } }],
    });
  });

  test.each([
    ["before the fetch is on record", "before", 2],
    ["behind it", "after", 1],
  ] as const)("survives a crash between fetch and turn, %s", async (_name, when, fetches) => {
    verifies("attachments.crash");
    const world = new TestWorld();
    const inner = openMemoryStore(world);
    const [platform, blobs] = [new Platform(), openMemoryBlobs()];
    const dying = dyingStore(inner, { at: 1, when, of: ["record"] });
    await tell([FILE], { world, platform, blobs, store: dying.store });
    expect(dying.isDead()).toBe(true);
    expect(platform.sent).toEqual([]);
    const again = await openTestRuntime({
      pack,
      world,
      store: inner,
      providers: [platform.channel],
      files: keeperOf(blobs, world),
    });
    for (let n = 0; n < 40; n++) await world.advance(1_000);
    expect(platform.sent.map(({ files }) => files)).toEqual([["hello"]]);
    expect(platform.asked).toHaveLength(fetches);
    expect(await blobs.owners({ env: ENV, tenant: TENANT }, HELLO)).toEqual([SESSION]);
    void again;
  });

  test("names nothing by a reference that somebody wrote into it", async () => {
    verifies("attachments.tenant");
    const blobs = openMemoryBlobs();
    const other = SESSION.replace(":s1:console", ":s2:console") as typeof SESSION;
    await blobs.put(other, content("hello"), { maxBytes: 64, keepUntilMs: Number.MAX_SAFE_INTEGER });
    const { platform } = await tell([{ mime_type: "text/plain", url: HELLO, name: "x.txt" }], { blobs });
    expect(platform.sent[0]?.payload).toMatchObject({
      attachments: [{ content: { code: "MESSAGING_FILE_UNAVAILABLE" } }],
    });
    expect(await blobs.owners({ env: ENV, tenant: TENANT }, HELLO)).toEqual([other]);
  });

  test("brings its own bytes: they are kept, too", async () => {
    const { platform } = await tell([{ mime_type: "text/plain", url: "data:text/plain,hello", name: "x.txt" }], {});
    expect(platform.sent[0]).toMatchObject({ payload: { attachments: [{ url: HELLO }] }, files: ["hello"] });
  });
});

describe("a file that a flow sends", () => {
  test("is a reference in the outbox, whether it was an asset, bytes, or kept for somebody else of the tenant", async () => {
    verifies("attachments.out");
    const blobs = openMemoryBlobs();
    const other = SESSION.replace(":s1:console", ":s2:console") as typeof SESSION;
    await blobs.put(other, content("hello"), { maxBytes: 64, keepUntilMs: Number.MAX_SAFE_INTEGER });
    const { platform } = await tell([], { blobs, text: HELLO, pack: brochure });
    expect(platform.sent[0]?.files).toEqual(["Buy now", "hello"]);
    expect(JSON.stringify(platform.sent[0]?.payload)).not.toContain("data:");
    expect(platform.sent[0]?.payload).toMatchObject({
      attachments: [
        { name: "brochure.txt", mime_type: "text/plain", size_bytes: 7 },
        { name: "x.txt", size_bytes: 5 },
      ],
    });
    expect(await blobs.owners({ env: ENV, tenant: TENANT }, HELLO)).toEqual([SESSION, other].toSorted());
  });

  test("is none where the tenant hasn't got it, whoever else has", async () => {
    const blobs = openMemoryBlobs();
    const foreign = SESSION.replace(`:${TENANT}:`, `:${tenantId("evil")}:`) as typeof SESSION;
    await blobs.put(foreign, content("hello"), { maxBytes: 64, keepUntilMs: Number.MAX_SAFE_INTEGER });
    const { platform } = await tell([], { blobs, text: HELLO, pack: brochure });
    expect(platform.sent[0]?.payload).toMatchObject({
      attachments: [{ size_bytes: 7 }, { name: "x.txt", content: { code: "MESSAGING_FILE_UNAVAILABLE" } }],
    });
  });
});
