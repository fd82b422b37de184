import type { ImapFlow } from "imapflow";
import type { FindAddresses } from "./reach.ts";
import { routeTo } from "./reach.ts";
import type { MailServer } from "./settings.ts";

/** What a mailbox is opened with. */
export interface MailboxOptions {
  readonly server: MailServer;
  readonly find: FindAddresses;
  readonly password: () => Promise<string>;
  /** Empty where there is none; used instead of the password. */
  readonly accessToken: () => Promise<string>;
}

const CONNECT_MS = 10_000;

/**
 * Connects to a mailbox's server; who calls closes the connection.
 * @throws what the server or the way to it brings, `authenticationFailed` set where it refused the login
 */
export async function openImap({ server, find, password, accessToken }: MailboxOptions): Promise<ImapFlow> {
  const { addresses, port, security, servername } = await routeTo(server, find);
  const [token, pass] = await Promise.all([accessToken(), password()]);
  const { ImapFlow: Client } = await import("imapflow");
  const client = new Client({
    host: addresses[0] ?? server.host,
    port,
    secure: security === "tls",
    doSTARTTLS: security === "starttls",
    ...(servername !== undefined && { servername }),
    auth: { user: server.user ?? "", ...(token === "" ? { pass } : { accessToken: token }) },
    clientInfo: { name: "greentic" },
    logger: false,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    disableAutoIdle: true,
    // Somebody else may read the same mailbox; what is longer than it may be is never asked for.
    maxIdleTime: 240_000,
  });
  // A connection that breaks is told of by the command that waits, and by `close`.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
