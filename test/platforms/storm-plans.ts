import type { StormPlan } from "./storm.ts";

/** So many conversations with so many messages each. */
const crowd = (count: number, each: number, name: (at: number) => string): ReadonlyMap<string, number> =>
  new Map(Array.from({ length: count }, (_, at) => [name(at), each]));
const one = (name: string, count: number): ReadonlyMap<string, number> => new Map([[name, count]]);

/**
 * What is sent, and how many of it ten minutes may hold by what the platform publishes. A Teams thread's is its share of an hour's 1,800;
 * Webex publishes nothing.
 */
export const STORMS: readonly (readonly [
  type: StormPlan["type"],
  what: string,
  load: ReadonlyMap<string, number>,
  permitted: number,
])[] = [
  ["telegram", "a bot's 100 chats", crowd(100, 260, (at) => `${1_000 + at}`), 30 * 600],
  ["telegram", "one chat", one("1000", 700), 600],
  ["telegram", "one group", one("-1000", 300), 200],
  ["slack", "a workspace's 30 channels", crowd(30, 200, (at) => `C${1_000 + at}`), 3_000],
  ["slack", "one channel", one("C1000", 700), 600],
  ["whatsapp", "a number's 450 people", crowd(450, 130, (at) => `${16_505_550_000 + at}`), 80 * 600],
  ["whatsapp", "one person", one("16505550000", 200), 45 + 100],
  ["teams", "an app's 160 threads", crowd(160, 260, (at) => `19:thread-${at}`), 50 * 600],
  ["teams", "one thread", one("19:thread", 700), 300],
  ["webex", "a bot's 30 rooms", crowd(30, 200, (at) => `room-${1_000 + at}`), 2_400],
  ["webex", "one room", one("room-1000", 700), 600],
  ["email", "an account's 60 people", crowd(60, 20, (at) => `p${1_000 + at}@example.net`), 60 * 10],
  ["webhook-out", "an endpoint's 150 conversations", crowd(150, 100, (at) => `orders-${at}`), 200 * 60],
];
