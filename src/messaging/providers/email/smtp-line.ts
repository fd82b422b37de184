/** One connection to a mail server, as nodemailer speaks over it: what goes wrong is thrown as the client or the server said it. */
import { Readable } from "node:stream";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SMTPConnectionAuth } from "nodemailer/lib/smtp-connection";
import type { MailRoute } from "./reach.ts";

/** One mail on its way. */
export interface SmtpMail {
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

/** One address of a server. */
interface SmtpPlace extends Omit<MailRoute, "addresses"> {
  readonly address: string;
  /** What the client calls itself. */
  readonly name: string;
}

/** Who logs in, by a password or an OAuth access token. */
export type SmtpLogin = { readonly user: string } & ({ readonly password: string } | { readonly accessToken: string });

/** An open connection. What rejects has a server's refusal as `responseCode`, 0 or nothing where it didn't answer. */
export interface SmtpLine {
  readonly isOpen: () => boolean;
  /** Lets the process end meanwhile, or not any more. */
  readonly rest: (isResting: boolean) => void;
  readonly login: (login: SmtpLogin, signal: AbortSignal) => Promise<void>;
  /** Sends one mail; `onHandedOver` is called before anything goes out by which the server may take it. */
  readonly send: (
    mail: SmtpMail,
    options: { readonly signal: AbortSignal; readonly onHandedOver: () => void },
  ) => Promise<void>;
  /** Gives up a mail that was refused, so that the next one may be sent. */
  readonly reset: () => Promise<void>;
  /** Takes leave of the server. */
  readonly quit: () => void;
  readonly close: () => void;
}

/** Connects, greets and encrypts as the place says. */
export type OpenSmtpLine = (place: SmtpPlace, signal: AbortSignal) => Promise<SmtpLine>;

const CONNECT_MS = 10_000;
const ANSWER_MS = 40_000;
const CHUNK_BYTES = 64 << 10;

/** Opens a real connection. */
export const openSmtpLine: OpenSmtpLine = async ({ address, port, security, servername, name }, signal) => {
  const { default: Connection } = await import("nodemailer/lib/smtp-connection");
  const line = new Connection({
    host: address,
    port,
    name,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "plain",
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: ANSWER_MS,
    maxResponseSize: 64 << 10,
    logger: false,
    ...(servername !== undefined && { servername, tls: { servername } }),
  });
  // What goes wrong later, between mails, closes the line and nothing else.
  line.on("error", () => undefined);
  try {
    await asked(line, signal, (done) => line.connect(done));
  } catch (error) {
    line.close();
    throw error;
  }
  return {
    isOpen: () => (line._socket ? !line._socket.destroyed : false),
    rest: (isResting) => {
      if (!line._socket) return;
      if (isResting) line._socket.unref();
      else line._socket.ref();
    },
    login: async (login, ending) => {
      const auth = await authOf(login);
      await asked(line, ending, (done) => line.login(auth, done));
    },
    send: ({ from, to, bytes }, { signal: ending, onHandedOver }) => {
      const body = Readable.from(
        (function* () {
          for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES)
            yield Buffer.from(bytes.subarray(at, at + CHUNK_BYTES));
          // From here on the line may end the mail.
          onHandedOver();
        })(),
      );
      return asked(line, ending, (done) => line.send({ from, to: [to], size: bytes.byteLength }, body, done));
    },
    reset: () => asked(line, undefined, (done) => line.reset(done)),
    quit: () => line.quit(),
    close: () => line.close(),
  };
};

/** Waits for one answer, for an error of the connection's, or for the signal, whichever comes first. */
function asked(
  line: SMTPConnection,
  signal: AbortSignal | undefined,
  ask: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (error: unknown): void => reject(error instanceof Error ? error : new Error("SMTP", { cause: error }));
  const abort = (): void => fail(signal?.reason);
  line.once("error", fail);
  signal?.addEventListener("abort", abort, { once: true });
  ask((error) => {
    if (error === undefined || error === null) resolve();
    else fail(error);
  });
  return promise.finally(() => {
    line.off("error", fail);
    signal?.removeEventListener("abort", abort);
  });
}

async function authOf(login: SmtpLogin): Promise<SMTPConnectionAuth> {
  const { user } = login;
  if ("password" in login) return { user, credentials: { user, pass: login.password } };
  const { default: XOAuth2 } = await import("nodemailer/lib/xoauth2");
  return { user, oauth2: new XOAuth2({ user, accessToken: login.accessToken }) };
}
