import { getRequestListener } from "@hono/node-server";
import {
  acceptedContent,
  createMcpHandler,
  fromJsonSchema,
  inputRequired,
  McpServer,
} from "@modelcontextprotocol/server";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openToolBench } from "../../../test/stand-ins/mcp-tools.ts";
import type { ToolBench } from "../../../test/stand-ins/mcp-tools.ts";
import { elicitationKey } from "../elicitation.ts";

/** The official server, as it speaks 2026-07-28 and nothing else: no handshake, no sessions, questions as results. */
const handler = createMcpHandler(
  () => {
    const server = new McpServer({ name: "modern", version: "1.0.0" });
    const inputSchema = fromJsonSchema<{ env: string }>({
      type: "object",
      properties: { env: { type: "string" } },
      required: ["env"],
    });
    server.registerTool("deploy", { inputSchema }, async ({ env }, ctx) => {
      const said = acceptedContent<{ confirm: boolean }>(ctx.mcpReq.inputResponses, "confirm");
      if (said?.confirm === true) return { content: [{ type: "text", text: `deployed to ${env}` }] };
      return inputRequired({
        inputRequests: {
          confirm: inputRequired.elicit({
            message: `Deploy to ${env}?`,
            requestedSchema: { type: "object", properties: { confirm: { type: "boolean" } }, required: ["confirm"] },
          }),
        },
      });
    });
    return server;
  },
  { legacy: "reject" },
);
const server = createServer(
  (request, response) =>
    void getRequestListener((incoming) => handler.fetch(incoming), { overrideGlobalObjects: false })(request, response),
);
let bench: ToolBench;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  bench = openToolBench({ tools: [{ name: "deploy", server: "s" }], servers: { s: { url } } });
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await handler.close();
  server.closeAllConnections();
  server.close();
});

test("a server of the newest revision alone is spoken to in its own way, and what it asks waits like any other", async () => {
  const asked = await bench.call("deploy", { env: "prod" });
  if (asked.kind !== "elicit") throw new Error(JSON.stringify(asked));
  expect(asked.elicitation).toMatchObject({ mode: "form", message: "Deploy to prod?" });
  const answer = { key: elicitationKey(asked.elicitation), action: "accept" as const, content: { confirm: true } };
  expect(await bench.call("deploy", { env: "prod" }, { answers: [answer] })).toMatchObject({
    kind: "ok",
    result: "deployed to prod",
  });
});
