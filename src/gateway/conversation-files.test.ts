import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Conversation } from "../../test/stand-ins/direct-line-caller.ts";
import { clientOf, errorIn } from "../../test/stand-ins/direct-line-caller.ts";
import type { GatewayFixture } from "../../test/stand-ins/gateway-fixture.ts";
import { createGatewayFixture } from "../../test/stand-ins/gateway-fixture.ts";
import { verifies } from "../../test/verifies.ts";
import { boundaryOf, readParts } from "./multipart.ts";

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
const HTML = "<!doctype html><script>alert(1)</script>";
const BASE = "/v1/messaging/webchat/demo/v3/directline";
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function upload(
  { gateway }: GatewayFixture,
  at: Conversation,
  body: FormData | Blob,
  headers = {},
): Promise<Response> {
  return gateway.app.request(`${BASE}/conversations/${at.conversationId}/upload?userId=me`, {
    method: "POST",
    headers: { authorization: `Bearer ${at.token}`, ...headers },
    body,
  });
}

function form(activity: object | undefined, ...files: readonly (readonly [Blob, string])[]): FormData {
  const data = new FormData();
  if (activity !== undefined)
    data.append(
      "activity",
      new Blob([JSON.stringify(activity)], { type: "application/vnd.microsoft.activity" }),
      "blob",
    );
  for (const [file, name] of files) data.append("file", file, name);
  return data;
}

const png = (): Blob => new Blob([PNG], { type: "image/png" });

interface Said {
  readonly text?: string;
  readonly attachments: readonly {
    readonly contentType: string;
    readonly contentUrl: string;
    readonly name: string;
    readonly content?: unknown;
  }[];
}

async function open(): Promise<{ fixture: GatewayFixture; client: ReturnType<typeof clientOf>; at: Conversation }> {
  const fixture = createGatewayFixture({ keepsFiles: true });
  const client = clientOf(fixture);
  return { fixture, client, at: await client.start() };
}

describe("an upload to a conversation", () => {
  test("is a message with kept files, and its log gives links that fetch them", async () => {
    verifies("attachments.webchat");
    const { fixture, client, at } = await open();
    const activity = { type: "message", text: "look", channelData: { clientActivityID: "c1" }, from: { id: "me" } };
    const posted = await upload(
      fixture,
      at,
      form(activity, [png(), "a/../photo.png"], [new Blob(["x,y"], { type: "text/csv" }), "t.csv"]),
    );
    expect([posted.status, await posted.json()]).toEqual([200, { id: `${at.conversationId}|0000000` }]);
    const [received] = fixture.runtime.accepted;
    expect(received?.envelope).toMatchObject({
      text: "look",
      attachments: [
        {
          mime_type: "image/png",
          name: "photo.png",
          size_bytes: 16,
          url: expect.stringMatching(/^blob:[0-9a-f]{64}$/) as string,
        },
        { mime_type: "text/csv", name: "t.csv", size_bytes: 3 },
      ],
    });
    await settled();
    const [said] = (await client.read(at)).activities as unknown as Said[];
    expect(said?.attachments.map(({ name }) => name)).toEqual(["photo.png", "t.csv"]);
    const answers: Response[] = [];
    for (const { contentUrl } of said?.attachments ?? []) answers.push(await fixture.gateway.app.request(contentUrl));
    const [picture, table] = answers;
    expect(Buffer.from((await picture?.arrayBuffer()) ?? new ArrayBuffer(0))).toEqual(PNG);
    expect(Object.fromEntries(picture?.headers ?? [])).toMatchObject({
      "content-type": "image/png",
      "content-disposition": "inline; filename*=UTF-8''photo.png",
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "content-length": "16",
    });
    expect(table?.headers.get("content-type")).toBe("application/octet-stream");
    expect(table?.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''t.csv");
  });

  test("may be one file as the body, and is known again by its client id", async () => {
    const { fixture, at } = await open();
    const answer = await upload(fixture, at, png(), { "content-disposition": 'name="file"; filename="one.png"' });
    expect(answer.status).toBe(200);
    expect(fixture.runtime.accepted[0]?.envelope.attachments).toMatchObject([
      { name: "one.png", mime_type: "image/png" },
    ]);
    const activity = { text: "again", channelData: { clientActivityID: "same" } };
    const ids = [];
    for (let n = 0; n < 2; n++) ids.push(await (await upload(fixture, at, form(activity, [png(), "a.png"]))).json());
    expect(ids[0]).toEqual(ids[1]);
    expect(fixture.runtime.accepted).toHaveLength(2);
  });

  test("says of a file that is refused why, and the message comes all the same", async () => {
    const { fixture, at } = await open();
    const files = [
      [new Blob([HTML], { type: "image/png" }), "x.png"],
      [new Blob([Buffer.alloc((1 << 20) + 1)], { type: "text/plain" }), "big.txt"],
      [png(), "ok.png"],
    ] as const;
    expect((await upload(fixture, at, form({ text: "three" }, ...files))).status).toBe(200);
    expect(fixture.runtime.accepted[0]?.envelope.attachments).toMatchObject([
      { content: { code: "MESSAGING_FILE_TYPE_REFUSED" } },
      { content: { code: "MESSAGING_FILE_TYPE_REFUSED" } },
      { mime_type: "image/png", size_bytes: 16 },
    ]);
    const large = new Blob([Buffer.alloc(3 << 20, "x")], { type: "text/plain" });
    expect(await errorIn(await upload(fixture, at, form({}, [large, "big.txt"])))).toEqual([
      413,
      "GATEWAY_BODY_TOO_LARGE",
    ]);
    const big = new Blob([Buffer.alloc((1 << 20) + 1, "x")], { type: "text/plain" });
    await upload(fixture, at, form({}, [big, "big.txt"]));
    expect(fixture.runtime.accepted.at(-1)?.envelope.attachments).toMatchObject([
      { content: { code: "MESSAGING_FILE_TOO_LARGE" } },
    ]);
  });

  test("is refused without the conversation's token, and where it is no form", async () => {
    const { fixture, client, at } = await open();
    const other = await client.start();
    expect(await errorIn(await upload(fixture, { ...at, token: other.token }, png()))).toEqual([
      403,
      "GATEWAY_TOKEN_INVALID",
    ]);
    const broken = { "content-type": "multipart/form-data; boundary=x" };
    for (const body of ["", "--x", "--x\r\n", '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nhalf'])
      expect(await errorIn(await upload(fixture, at, new Blob([body]), broken))).toEqual([
        400,
        "GATEWAY_MULTIPART_INVALID",
      ]);
    expect(fixture.runtime.accepted).toEqual([]);
  });

  test("isn't needed for bytes in the activity itself: the log and the inbox hold a reference", async () => {
    const { fixture, client, at } = await open();
    const contentUrl = `data:image/png;base64,${PNG.toString("base64")}`;
    await client.say(at, { type: "message", attachments: [{ contentType: "image/png", contentUrl, name: "p.png" }] });
    expect(JSON.stringify(fixture.runtime.accepted[0])).not.toContain("base64");
    const [said] = (await client.read(at)).activities as unknown as Said[];
    expect(said?.attachments[0]?.contentUrl).toContain("/attachments/");
    const claimed = { contentType: "image/png", contentUrl: `blob:${"0".repeat(64)}` };
    expect((await client.say(at, { type: "message", attachments: [claimed] })).status).toBe(400);
  });
});

describe("a file of a conversation", () => {
  test("is nobody else's: not another conversation's, not another tenant's, not without a token", async () => {
    verifies("attachments.tenant");
    const { fixture, client, at } = await open();
    await upload(fixture, at, form({ text: "mine" }, [png(), "p.png"]));
    const [said] = (await client.read(at)).activities as unknown as Said[];
    const url = new URL(said?.attachments[0]?.contentUrl ?? "", "http://host");
    const hash = /attachments\/([0-9a-f]{64})/.exec(url.pathname)?.[1] ?? "";
    const other = await client.start();
    const get = (path: string, token?: string): Promise<Response> =>
      Promise.resolve(
        fixture.gateway.app.request(path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
      );
    expect((await get(url.pathname, at.token)).status).toBe(200);
    expect(await errorIn(await get(url.pathname))).toEqual([401, "GATEWAY_UNAUTHENTICATED"]);
    expect(await errorIn(await get(url.pathname, other.token))).toEqual([403, "GATEWAY_TOKEN_INVALID"]);
    const otherPath = url.pathname.replace(at.conversationId, other.conversationId);
    expect(await errorIn(await get(otherPath, other.token))).toEqual([404, "GATEWAY_ROUTE_UNKNOWN"]);
    expect(await errorIn(await get(`${otherPath}${url.search}`))).toEqual([403, "GATEWAY_TOKEN_INVALID"]);
    expect(await errorIn(await get(`${url.pathname.replace("/demo/", "/acme/")}${url.search}`))).toEqual([
      403,
      "GATEWAY_TOKEN_INVALID",
    ]);
    expect(await errorIn(await get(`${url.pathname}?t=${at.token}`))).toEqual([403, "GATEWAY_TOKEN_INVALID"]);
    const missing = `${BASE}/conversations/${at.conversationId}/attachments/`;
    for (const name of ["0".repeat(64), `${hash}0`, "..%2F..%2Fetc", hash.toUpperCase()])
      expect((await get(missing + name, at.token)).status).toBe(404);
    const ticket = { authorization: `Bearer ${url.searchParams.get("t") ?? ""}` };
    expect(
      (await client.call("GET", `conversations/${at.conversationId}/activities`, { headers: ticket })).status,
    ).toBe(403);
    fixture.world.advance(1_801_000);
    expect((await get(url.pathname + url.search)).status).toBe(403);
  });

  test("is a download where a browser would run it, whatever the address calls it", async () => {
    const { fixture, at } = await open();
    const { files } = fixture.runtime;
    const owner = `dev:demo:default:webchat:${at.conversationId}:x` as never;
    const content = async function* (): AsyncGenerator<Uint8Array, void> {
      yield Buffer.from(HTML);
    };
    const { url } = (await files?.blobs.put(owner, content(), { maxBytes: 1_000, keepUntilMs: 1e15 })) ?? { url: "" };
    const path = `${BASE}/conversations/${at.conversationId}/attachments/${url.slice(5)}/x.html%22%0d%0aX-Evil:1`;
    const answer = await fixture.gateway.app.request(path, { headers: { authorization: `Bearer ${at.token}` } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/octet-stream");
    expect(answer.headers.get("content-disposition")).toMatch(/^attachment; filename\*=UTF-8''[\w.%-]+$/);
    expect(answer.headers.get("content-security-policy")).toContain("sandbox");
    expect(answer.headers.has("x-evil")).toBe(false);
  });
});

describe("readParts()", () => {
  test("gives what platforms' own FormData wrote, however it is cut", async () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const name = fc.string({ maxLength: 20 }).filter((text) => text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(bytes, name), { maxLength: 4 }),
        fc.integer({ min: 1, max: 90 }),
        async (files, cut) => {
          const data = new FormData();
          for (const [content, fileName] of files) data.append("file", new Blob([Buffer.from(content)]), fileName);
          const whole = new Response(data);
          const boundary = boundaryOf(whole.headers.get("content-type") ?? "") ?? "";
          const body = Buffer.from(await whole.arrayBuffer());
          const cuts = async function* (): AsyncGenerator<Uint8Array, void> {
            for (let at = 0; at < body.length; at += cut) yield body.subarray(at, at + cut);
          };
          const got: [string, string][] = [];
          for await (const part of readParts(cuts(), boundary)) {
            const chunks: Uint8Array[] = [];
            for await (const chunk of part.content) chunks.push(Buffer.from(chunk));
            got.push([Buffer.concat(chunks).toString("hex"), part.fileName ?? ""]);
          }
          const lines = (text: string): string => text.replaceAll(/\r\n|\r|\n/g, "\r\n");
          expect(got.map(([content, fileName]) => [content, lines(fileName)])).toEqual(
            files.map(([content, fileName]) => [Buffer.from(content).toString("hex"), lines(fileName)]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test("finds boundaries as clients write them", () => {
    expect(boundaryOf('multipart/form-data; boundary="a b"')).toBe("a b");
    expect(boundaryOf("Multipart/Form-Data; charset=utf-8; boundary=x-1")).toBe("x-1");
    for (const none of [undefined, "", "image/png", "multipart/form-data", "multipart/mixed; boundary=x"])
      expect(boundaryOf(none)).toBeUndefined();
  });
});
