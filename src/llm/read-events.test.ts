import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { readEvents } from "./read-events.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function eventsOf(text: string | Uint8Array, size: number): Promise<readonly string[]> {
  const events: string[] = [];
  for await (const data of readEvents(inPieces(Buffer.from(text as string), size))) events.push(data);
  return events;
}

test.each<[string, string, readonly string[]]>([
  ["events, however lines end", "data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\n", ["a", "b", "c", "d"]],
  ["several lines as one, and lines without a space", "data: a\ndata:b\ndata:  c\ndata\n\n", ["a\nb\n c\n"]],
  [
    "no comments, other fields, or events without data",
    ": hi\nevent: x\nid: 1\nretry: 9\ndatum: no\n\n\n\ndata: a\n\n",
    ["a"],
  ],
  ["nothing that isn't ended", "data: a\n\ndata: b\n", ["a"]],
  ["a blank line that ends with the stream", "data: a\r\r", ["a"]],
  ["texts after a byte order mark, in any script", "\uFEFFdata: Zoë 東京 🌤\n\n", ["Zoë 東京 🌤"]],
])("readEvents() reads %s", async (_what, text, expected) => {
  verifies("llm.events");
  for (const size of [1, 2, 3, 1_000]) expect(await eventsOf(text, size)).toEqual(expected);
});

test("readEvents() refuses what isn't UTF-8 and what never ends", async () => {
  verifies("llm.events");
  await expect(eventsOf(Uint8Array.of(0x64, 0xff, 0x0a), 1)).rejects.toMatchObject({ code: "LLM_ANSWER_INVALID" });
  const long = `data: ${"x".repeat(600_000)}`;
  await expect(eventsOf(long + long.slice(6), 100_000)).rejects.toMatchObject({ code: "LLM_ANSWER_INVALID" });
  await expect(eventsOf(`${long}\n${long}\n\n`, 100_000)).rejects.toMatchObject({ code: "LLM_ANSWER_INVALID" });
});
