import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { AnswerBatch } from "./answer-batch.ts";

test("AnswerBatch writes what is ready together, and one answer that HTTP doesn't allow keeps no other", async () => {
  const batch = new AnswerBatch();
  const server = createServer((request, response) => {
    const headers = request.url === "/bad" ? { "x-bad": "a\nb" } : {};
    batch.add({ status: 200, headers, body: request.url ?? "" }, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (path: string): Promise<string> =>
    fetch(base + path).then(
      (answer) => answer.text(),
      () => "broken off",
    );
  expect(await Promise.all(["/1", "/bad", "/2", "/3"].map(ask))).toEqual(["/1", "broken off", "/2", "/3"]);
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});
