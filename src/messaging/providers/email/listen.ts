/**
 * A small SMTP server that the operator's own mail server hands messages over to. It takes mail for the channel's addresses and for
 * nobody else, from the machines that it was told of, and says 250 when the message is durable: from then on it is ours.
 * @see https://www.rfc-editor.org/rfc/rfc5321#section-6.1
 */
import { BlockList, isIP } from "node:net";
import type { SMTPServerDataStream, SMTPServerOptions } from "smtp-server";
import type { World } from "../../../types/index.ts";
import { pause } from "../../pause.ts";
import { readAddress } from "./address.ts";
import type { EmailSettings } from "./settings.ts";
import type { TakeMail, TakenMail } from "./take.ts";

/** What the listener works with. */
export interface EmailListening {
  readonly at: NonNullable<EmailSettings["listen"]>;
  readonly own: readonly string[];
  readonly maxBytes: number;
  readonly take: TakeMail;
  /** PEM; either empty where connections stay plain. */
  readonly certificate: () => Promise<string>;
  readonly key: () => Promise<string>;
  readonly world: Pick<World, "schedule">;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** Told the port once connections are taken. */
  readonly onListening?: (port: number) => void;
}

const MAX_CLIENTS = 50;
const IDLE_MS = 60_000;
const RETRY_MS = 5_000;

/** Takes messages until the signal aborts. */
export async function listenForMail(listening: EmailListening): Promise<void> {
  const { signal, world, warn, at } = listening;
  let hasWarned = false;
  while (!signal.aborted) {
    try {
      await serve(listening);
    } catch (error) {
      const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
      if (!hasWarned) warn(`can't listen at ${at.host}:${at.port}${/^[A-Z_]{2,40}$/.test(code) ? `: ${code}` : ""}`);
      hasWarned = true;
      await pause(RETRY_MS, { world, signal });
    }
  }
}

async function serve(listening: EmailListening): Promise<void> {
  const { at, signal } = listening;
  const { SMTPServer } = await import("smtp-server");
  const [cert, key] = await Promise.all([listening.certificate(), listening.key()]);
  const isTls = cert !== "" && key !== "";
  const server = new SMTPServer({
    ...handlers(listening),
    ...(isTls ? { cert, key } : {}),
    banner: "greentic",
    size: listening.maxBytes,
    disabledCommands: ["AUTH", ...(isTls ? [] : ["STARTTLS"])],
    disableReverseLookup: true,
    maxClients: MAX_CLIENTS,
    socketTimeout: IDLE_MS,
    closeTimeout: 1_000,
    logger: false,
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  let isListening = false;
  // Errors of single connections come here too; those end nothing.
  server.on("error", (error) => {
    if (!isListening) reject(error);
  });
  const close = (): void => {
    server.close(() => resolve());
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    server.listen(at.port, at.host, () => {
      isListening = true;
      const address = server.server.address();
      listening.onListening?.(typeof address === "object" && address !== null ? address.port : at.port);
    });
    if (signal.aborted) close();
    await ended;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

function handlers({ at, own, maxBytes, take }: EmailListening): SMTPServerOptions {
  const peers = blockList(at.peers);
  return {
    onConnect: ({ remoteAddress }, done) => {
      const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, "");
      const isKnown = isIP(address) !== 0 && peers.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
      done(isKnown ? null : smtpError(554, "5.7.1 not for you"));
    },
    onRcptTo: ({ address }, _session, done) => {
      const isOwn = own.includes(readAddress(address) ?? "");
      done(isOwn ? null : smtpError(550, "5.1.1 no such address here"));
    },
    onData: (stream, session, done) => {
      const { mailFrom } = session.envelope;
      const bring = async (): Promise<void> => {
        const raw = await readAll(stream, maxBytes).catch(() => "broken" as const);
        if (raw === "broken") return done(smtpError(451, "4.3.0 try again later"));
        if (raw === undefined) return done(smtpError(552, "5.3.4 message too large"));
        return done(answerTo(await take(raw, mailFrom === false ? "" : mailFrom.address)));
      };
      void bring();
    },
  };
}

/** What a message's fate is on the wire: what is no person's is taken and forgotten, since a refusal would be mailed back to somebody. */
function answerTo(taken: TakenMail): Error | null {
  switch (taken.kind) {
    case "accepted":
    case "dropped":
      return null;
    case "refused":
      return taken.reason === "unproved"
        ? smtpError(550, "5.7.26 the sender's domain isn't proved")
        : smtpError(554, "5.6.0 message can't be read");
    case "too-often":
      return smtpError(451, "4.7.1 too many messages");
    case "unavailable":
      break;
  }
  return smtpError(451, "4.3.0 try again later");
}

async function readAll(stream: SMTPServerDataStream, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The rest is read and forgotten: the client listens only at its end.
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size > maxBytes || stream.sizeExceeded ? undefined : Buffer.concat(chunks);
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    const family = isIP(address);
    const size = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? size : Number(bits);
    // What isn't a range lets nobody in.
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > size) continue;
    list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

function smtpError(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
