/** Who is measured with what: ours over each store, and peers where GREENTIC_PEERS_DIR names a folder that they are installed in. */
import { join, resolve } from "node:path";
import type { ServerProcess } from "../server-process.ts";
import { startServer } from "../server-process.ts";
import type { Sink, Subject } from "./drive.ts";

const MAIN = resolve(import.meta.dirname, "../../src/cli/main.ts");
const HOST = resolve(import.meta.dirname, "host.ts");

/** Where things of one run live. */
export interface Places {
  /** A bundle directory with the flow `converse`. */
  readonly bundle: string;
  readonly peers: string | undefined;
  /** A Redis that flushes at each write; absent where there is no redis-server. */
  readonly redisUrl: string | undefined;
}

const post = (path: string, body: object, expect: string) => ({ path, body: JSON.stringify(body), expect });
const id = (connection: number, n: number): string => `c${connection}-${n}`;
const SAID = ["hi", "Ana", "Berlin"] as const;
const ANSWERS = ["name", "city", "Ana in Berlin"] as const;

/** Starts a peer's program. */
function startPeer(places: Places, name: string, env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  return startServer([join(import.meta.dirname, `peers/${name}.mjs`)], {
    cwd: places.bundle,
    env: { GREENTIC_PEERS_DIR: places.peers ?? "", PORT: "39781", ...env },
  });
}

/** Starts our host with in-process tools. `name` keeps directories apart. */
function startOurs(places: Places, store: "memory" | "sqlite" | "redis", sinkUrl: string): Promise<ServerProcess> {
  const place =
    store === "memory"
      ? "memory"
      : store === "redis"
        ? (places.redisUrl ?? "")
        : `sqlite:${join(places.bundle, `store-${process.hrtime.bigint()}`)}`;
  return startServer([HOST, place], { cwd: places.bundle, env: { SINK_URL: sinkUrl } });
}

/** A conversation of three turns: the first asks, the second keeps, the third answers with both. */
export function conversations(places: Places): readonly Subject[] {
  const gtc = (store: "memory" | "sqlite"): Subject => ({
    name: store === "memory" ? "Greentic, memory" : "Greentic, SQLite FULL",
    start: () =>
      startServer(
        [MAIN, "start", ".", "--port", "0", "--data", join(places.bundle, `talk-${store}`), "--store", store],
        {
          cwd: places.bundle,
          env: { GREENTIC_LOG_LEVEL: "warn" },
        },
      ),
    unit: (connection, n) =>
      SAID.map((text, turn) =>
        post(`/v1/webhook/demo/converse?session=${id(connection, n)}`, { text }, ANSWERS[turn] ?? ""),
      ),
  });
  const peers: readonly Subject[] = [
    {
      name: "Node-RED",
      start: () => startPeer(places, "node-red"),
      unit: (connection, n) =>
        SAID.map((text, turn) => post("/converse", { session: id(connection, n), text }, ANSWERS[turn] ?? "")),
    },
    {
      name: "M365 Agents SDK",
      start: () => startPeer(places, "agents"),
      unit: (connection, n) =>
        SAID.map((text, turn) => post("/api/messages", activity(id(connection, n), text), ANSWERS[turn] ?? "")),
    },
    {
      name: "Restate",
      start: () => startPeer(places, "restate"),
      unit: (connection, n) =>
        SAID.map((text, turn) => post(`/Conversation/${id(connection, n)}/turn`, { text }, ANSWERS[turn] ?? "")),
    },
  ];
  return [gtc("memory"), gtc("sqlite"), ...(places.peers === undefined ? [] : peers)];
}

function activity(conversation: string, text: string): object {
  return {
    type: "message",
    id: "1",
    text,
    deliveryMode: "expectReplies",
    channelId: "webchat",
    serviceUrl: "http://127.0.0.1:1/",
    from: { id: "u" },
    recipient: { id: "b" },
    conversation: { id: conversation },
  };
}

/** Three journaled steps, answered when all are done. */
export function steps(places: Places): readonly Subject[] {
  const ours = (store: "memory" | "sqlite" | "redis"): Subject => ({
    name: storeName(store),
    start: () => startOurs(places, store, "http://127.0.0.1:9/"),
    unit: (connection, n) => [post(`/v1/webhook/demo/steps?session=${id(connection, n)}`, { text: "1" }, "done 4")],
  });
  const restate: Subject = {
    name: "Restate",
    start: () => startPeer(places, "restate"),
    unit: () => [post("/Work/steps", { n: 1 }, "done 4")],
  };
  return [...storesOf(places).map(ours), ...(places.peers === undefined ? [] : [restate])];
}

/** Two journaled steps and one HTTP send of 5 ms; a job ends when the send has arrived. */
export function sends(places: Places, sink: Sink): readonly Subject[] {
  // The sink tells whose sends arrive twice: no two subjects may use the same id.
  const jobOf =
    (subject: string) =>
    (connection: number, n: number): string =>
      `${subject}-${id(connection, n)}`;
  const ours = (store: "memory" | "sqlite" | "redis"): Subject => ({
    name: storeName(store),
    start: () => startOurs(places, store, sink.url),
    unit: (connection, n) => [post("/v1/messaging/ingress/sink/demo", { id: jobOf(store)(connection, n), n: 1 }, "")],
    arrived: (connection, n) => sink.wait(jobOf(store)(connection, n)),
  });
  const restate: Subject = {
    name: "Restate",
    start: () => startPeer(places, "restate", { SINK_URL: sink.url }),
    unit: (connection, n) => [post("/Work/send", { id: jobOf("restate")(connection, n), n: 1 }, "done 4")],
    arrived: (connection, n) => sink.wait(jobOf("restate")(connection, n)),
  };
  return [...storesOf(places).map(ours), ...(places.peers === undefined ? [] : [restate])];
}

/** Starts a host that takes signed webhooks. */
export function startWebhooks(places: Places): Promise<ServerProcess> {
  return startOurs(places, "sqlite", "http://127.0.0.1:9/");
}

function storesOf(places: Places): readonly ("memory" | "sqlite" | "redis")[] {
  return places.redisUrl === undefined ? ["memory", "sqlite"] : ["memory", "sqlite", "redis"];
}

function storeName(store: "memory" | "sqlite" | "redis"): string {
  return { memory: "Greentic, memory", sqlite: "Greentic, SQLite FULL", redis: "Greentic, Redis appendfsync always" }[
    store
  ];
}
