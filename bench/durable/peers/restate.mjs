/** Restate's server, and the services that it calls in this process: a conversation as a virtual object, journaled steps, a send. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, ready } from "./load.mjs";

const restate = load("@restatedev/restate-sdk");
const SINK = process.env.SINK_URL;

const conversation = restate.object({
  name: "Conversation",
  handlers: {
    turn: async (ctx, { text }) => {
      const kept = await ctx.get("kept");
      if (kept === null) {
        ctx.set("kept", { asked: "name" });
        return { text: "What is your name?" };
      }
      if (kept.asked === "name") {
        ctx.set("kept", { asked: "city", name: text });
        return { text: "Which city are you in?" };
      }
      ctx.clear("kept");
      return { text: `${kept.name} in ${text}` };
    },
  },
});
const work = restate.service({
  name: "Work",
  handlers: {
    steps: async (ctx, { n }) => {
      const one = await ctx.run("one", () => ({ n: n + 1 }));
      const two = await ctx.run("two", () => ({ n: one.n + 1 }));
      const three = await ctx.run("three", () => ({ n: two.n + 1 }));
      return { text: `done ${three.n}` };
    },
    send: async (ctx, { n, id }) => {
      const one = await ctx.run("one", () => ({ n: n + 1 }));
      const two = await ctx.run("two", () => ({ n: one.n + 1 }));
      await ctx.run("send", async () => {
        const answer = await fetch(SINK, { method: "POST", body: JSON.stringify({ id, n: two.n }) });
        await answer.text();
      });
      return { text: `done ${two.n + 1}` };
    },
  },
});

const freePort = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

const [services, ingress, admin, node] = [await freePort(), await freePort(), await freePort(), await freePort()];
await restate.serve({ services: [conversation, work], port: services });
const dir = mkdtempSync(join(tmpdir(), "restate-"));
const server = spawn(load.resolve("@restatedev/restate-server-linux-x64/bin/restate-server"), ["--base-dir", dir], {
  stdio: ["ignore", "ignore", "inherit"],
  env: {
    PATH: process.env.PATH,
    RESTATE_LOG_FILTER: "error",
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
    RESTATE_DISABLE_TELEMETRY: "true",
  },
});
const stop = () => {
  server.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
  process.exit(0);
};
process.on("SIGTERM", stop);
for (let tries = 0; ; tries++) {
  try {
    const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uri: `http://127.0.0.1:${services}` }),
    });
    if (answer.ok) break;
    if (tries > 100) throw new Error(`Register services: ${answer.status} ${await answer.text()}`);
  } catch (error) {
    if (tries > 100) throw error;
  }
  await new Promise((done) => setTimeout(done, 200));
}
process.stderr.write(`server ${server.pid}\n`);
ready(ingress);
