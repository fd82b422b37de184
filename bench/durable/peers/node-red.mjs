/** Node-RED: an HTTP node, a function that keeps the conversation in the flow's memory context, an answer. */
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, ready } from "./load.mjs";

const RED = load("node-red");
// Its own express: the nodes know the insides of that version.
const express = createRequire(load.resolve("node-red"))("express");
const app = express();
const server = createServer(app);
RED.init(server, {
  httpAdminRoot: "/admin",
  httpNodeRoot: "/",
  userDir: mkdtempSync(join(tmpdir(), "node-red-")),
  logging: { console: { level: "error", metrics: false, audit: false } },
  editorTheme: { tours: false },
  telemetry: { enabled: false },
});
app.use("/admin", RED.httpAdmin);
app.use("/", RED.httpNode);

const TURN = `
const { session, text } = msg.payload;
const kept = flow.get("s" + session) ?? {};
if (kept.asked === undefined) { flow.set("s" + session, { asked: "name" }); msg.payload = { text: "What is your name?" }; }
else if (kept.asked === "name") { flow.set("s" + session, { asked: "city", name: text }); msg.payload = { text: "Which city are you in?" }; }
else { flow.set("s" + session, undefined); msg.payload = { text: kept.name + " in " + text }; }
return msg;`;

await RED.start();
await RED.runtime.flows.setFlows({
  flows: {
    flows: [
      { id: "f1", type: "tab", label: "converse" },
      { id: "in", z: "f1", type: "http in", url: "/converse", method: "post", wires: [["turn"]] },
      { id: "turn", z: "f1", type: "function", func: TURN, outputs: 1, wires: [["out"]] },
      { id: "out", z: "f1", type: "http response", wires: [] },
    ],
  },
  deploymentType: "full",
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => ready(server.address().port));
process.on("SIGTERM", () => process.exit(0));
