import type { SessionOptions } from "./mcp-session.ts";
import { hasConsented, McpSession } from "./mcp-session.ts";
import type { MakeTransport } from "./session-transport.ts";

const MAX_CONSENTS = 2;
const REFUSALS = new Set([400, 405, 406, 415, 422]);

/**
 * Opens a session. A consent that a person gives on the way makes for another try; so does a server that refuses the handshake,
 * since the newest revision has none. Nearly all servers know it, so that it comes first.
 */
export async function openSession({
  prepare,
  ...options
}: SessionOptions & { readonly prepare: () => Promise<MakeTransport> }): Promise<McpSession> {
  const makeTransport = await prepare();
  for (let consents = 0; ; consents++) {
    const to = makeTransport();
    try {
      return await McpSession.open(to, options);
    } catch (error) {
      if (await refusesHandshake(error)) return McpSession.open(makeTransport(), { ...options, isModern: true });
      if (consents >= MAX_CONSENTS || !(await hasConsented(to, error))) throw error;
    }
  }
}

async function refusesHandshake(error: unknown): Promise<boolean> {
  const { ProtocolError, SdkHttpError } = await import("@modelcontextprotocol/client");
  return error instanceof ProtocolError || (error instanceof SdkHttpError && REFUSALS.has(error.status));
}
