import { readTurnJournal } from "../../runner/index.ts";
import type { JournalEntry, SessionSummary } from "../../session/index.ts";
import { isOfEnv, JOURNAL_TURNS_MAX, startOfEnv } from "../../session/index.ts";
import { formatSessionKey, GreenticError, parseSessionKey, quote } from "../../types/index.ts";
import type { SessionKeyText } from "../../types/index.ts";
import { pageOf, readCursor } from "../cursor.ts";
import { defineRoute } from "../route.ts";
import type { AdminRequest } from "../route.ts";
import { count, list, object, page, pageQuery, text, time } from "../schemas.ts";

const sessions = "/admin/v1/tenants/{tenant}/sessions";
const key = { type: "string", minLength: 11, maxLength: 4096 } as const;
const row = {
  key: text(4096),
  "flow?": text(256),
  "node?": text(256),
  "wait_reason?": text(256),
  "pack?": text(256),
  "pack_hash?": text(64),
  "locale?": text(64),
  "revision?": count,
  unread: count,
};
const journal = list(object({ revision: count, at: time, turn: { type: "object" } }));

/** A tenant's conversations. What people wrote is shown by one route alone. */
export const sessionRoutes = [
  defineRoute({
    id: "listSessions",
    method: "GET",
    path: sessions,
    summary: "Sessions in the order of their keys",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "session.list",
    query: pageQuery,
    answer: { status: 200, description: "Sessions", schema: page(object(row)) },
    async handle({ host, tenant, query }) {
      const limit = Number(query["limit"]);
      const after = readCursor("sessions", query["cursor"]) ?? startOfEnv(host.env);
      const listed = await host.store.list({ tenant, limit: limit + 1, after: String(after) as SessionKeyText });
      const items = listed.filter((session) => isOfEnv(host.env, session));
      const shown = pageOf("sessions", { items, limit, at: (session) => session.key });
      return { body: { ...shown, items: shown.items.map(rowOf) } };
    },
  }),
  defineRoute({
    id: "getSession",
    method: "GET",
    path: `${sessions}/{key}`,
    summary: "A session and its last turns, without what people wrote",
    scope: "tenant",
    role: "viewer",
    effect: "read",
    action: "session.show",
    params: { key },
    hasTag: true,
    answer: { status: 200, description: "The session", schema: object({ ...row, journal }) },
    handle: (request) => show(request, withoutTexts),
  }),
  defineRoute({
    id: "getSessionTexts",
    method: "GET",
    path: `${sessions}/{key}/texts`,
    summary: "A session and its last turns with what people wrote and were told, as far as the journal keeps it",
    scope: "tenant",
    role: "operator",
    effect: "sensitive",
    action: "session.read-texts",
    params: { key },
    hasTag: true,
    answer: { status: 200, description: "The session", schema: object({ ...row, journal }) },
    handle: (request) => show(request, (entry) => entry),
  }),
  defineRoute({
    id: "endSession",
    method: "DELETE",
    path: `${sessions}/{key}`,
    summary: "End a session: its record, state, unread messages and timers go",
    scope: "tenant",
    role: "operator",
    effect: "change",
    action: "session.end",
    params: { key },
    hasTag: true,
    answer: { status: 204, description: "It is ended" },
    async handle(request) {
      const name = keyOf(request);
      const found = await request.host.store.read(name);
      if (found === undefined) throw missing(name);
      request.expectTag(tagOf(found));
      if (!(await request.host.store.end(name))) throw missing(name);
      return {};
    },
  }),
];

async function show(
  request: AdminRequest,
  told: (entry: JournalEntry) => JournalEntry,
): Promise<{ readonly body: object; readonly tag: string }> {
  const name = keyOf(request);
  const { store } = request.host;
  const found = await store.read(name);
  const entries = await store.readJournal(name, { limit: JOURNAL_TURNS_MAX });
  if (found === undefined && entries.length === 0) throw missing(name);
  const session: SessionSummary = found ?? { key: name, session: undefined, unread: 0 };
  const turns = entries.map((entry) => {
    const { revision, atMs, turn } = told(entry);
    return { revision, at: new Date(atMs).toISOString(), turn };
  });
  return { tag: tagOf(session), body: { ...rowOf(session), journal: turns } };
}

/** The session that the path names, where it is the tenant's of this host. @throws ADMIN_NOT_FOUND */
function keyOf({ host, tenant, param }: AdminRequest): SessionKeyText {
  const text = param("key");
  try {
    const parsed = parseSessionKey(text);
    if (parsed.tenant === tenant && parsed.env === host.env) return formatSessionKey(parsed);
  } catch {
    // What can't be a key names nothing.
  }
  throw missing(text);
}

function tagOf({ session, unread }: SessionSummary): string {
  return `${session?.revision ?? 0}-${unread}`;
}

function rowOf({ key: name, session, unread }: SessionSummary): object {
  const { cursor, waitReason, pack, packHash, locale, revision } = session ?? {};
  return {
    key: name,
    ...(cursor && { flow: cursor.flow, node: cursor.node }),
    ...(waitReason !== undefined && { wait_reason: waitReason }),
    ...(pack !== undefined && { pack }),
    ...(packHash !== undefined && { pack_hash: packHash }),
    ...(locale !== undefined && { locale }),
    ...(revision !== undefined && { revision }),
    unread,
  };
}

/** People's words stay in the store unless they are asked for. */
function withoutTexts(entry: JournalEntry): JournalEntry {
  const turn = readTurnJournal(entry.turn);
  if (turn === undefined) return { ...entry, turn: {} };
  const { replay: _replay, ...told } = turn;
  return { ...entry, turn: told as unknown as JournalEntry["turn"] };
}

function missing(name: string): GreenticError {
  return new GreenticError("ADMIN_NOT_FOUND", `Find session: none is named ${quote(name)}`);
}
