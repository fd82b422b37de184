import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Email } from "postal-mime";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import type { Certificates } from "./certificates.ts";

/** What a mail server does to one message or connection instead of taking it. */
type MailFault =
  | { readonly kind: "answer"; readonly at: "mail" | "rcpt" | "data"; readonly code: number }
  /** Takes the message and breaks the connection before it says so. */
  | { readonly kind: "reset-after" }
  /** Breaks the connection before the message has begun. */
  | { readonly kind: "reset-before" };

/** A message as the server took it. */
interface TakenMessage {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
  readonly mail: Email;
  readonly isSecure: boolean;
  readonly user: string | undefined;
}

/** A mail server of the world, which records what it takes. */
export interface MailServerStandIn {
  readonly port: number;
  readonly taken: readonly TakenMessage[];
  readonly connections: () => number;
  /** Done to the next messages, one each. */
  readonly faults: MailFault[];
  readonly until: (holds: () => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens one on a free port of this machine; with certificates it offers STARTTLS, with users it wants one of them. */
export async function openMailServer(
  options: {
    readonly certificates?: Certificates;
    /** TLS from the first byte. */
    readonly isImplicit?: boolean;
    /** Name → password, or access token after `token:`. */
    readonly users?: Readonly<Record<string, string>>;
    readonly maxBytes?: number;
  } = {},
): Promise<MailServerStandIn> {
  const taken: TakenMessage[] = [];
  const faults: MailFault[] = [];
  const waiting: (() => void)[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const fail = (at: "mail" | "rcpt" | "data"): Error | null => {
    const [fault] = faults;
    if (fault?.kind !== "answer" || fault.at !== at) return null;
    faults.shift();
    return Object.assign(new Error("stand-in says so"), { responseCode: fault.code });
  };
  const { certificates, users } = options;
  const server = new SMTPServer({
    ...(certificates === undefined
      ? {}
      : { cert: readFileSync(certificates.certFile), key: readFileSync(certificates.keyFile) }),
    secure: options.isImplicit === true,
    disabledCommands: [...(certificates === undefined ? ["STARTTLS"] : []), ...(users === undefined ? ["AUTH"] : [])],
    authMethods: ["PLAIN", "LOGIN", "XOAUTH2"],
    allowInsecureAuth: true,
    authOptional: users === undefined,
    disableReverseLookup: true,
    size: options.maxBytes ?? 1 << 25,
    closeTimeout: 100,
    logger: false,
    onConnect: (_session, done) => {
      connections++;
      done();
    },
    onAuth: ({ username, password, accessToken }, _session, done) => {
      const known = users?.[username ?? ""];
      const isKnown = known !== undefined && (known === password || known === `token:${accessToken ?? ""}`);
      if (isKnown) done(null, { user: username });
      else done(Object.assign(new Error("no"), { responseCode: 535 }));
    },
    onMailFrom: (_address, _session, done) => {
      const [fault] = faults;
      if (fault?.kind === "reset-before") {
        faults.shift();
        for (const socket of sockets) socket.destroy();
        return;
      }
      done(fail("mail"));
    },
    onRcptTo: (_address, _session, done) => done(fail("rcpt")),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (stream.sizeExceeded) return done(Object.assign(new Error("too large"), { responseCode: 552 }));
        const failure = fail("data");
        if (failure !== null) return done(failure);
        const raw = Buffer.concat(chunks);
        const take = async (): Promise<void> => {
          const mail = await PostalMime.parse(raw);
          const { mailFrom, rcptTo } = session.envelope;
          taken.push({
            from: mailFrom === false ? "" : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            raw: raw.toString("latin1"),
            mail,
            isSecure: session.secure,
            user: typeof session.user === "string" ? session.user : undefined,
          });
          if (faults[0]?.kind === "reset-after") {
            faults.shift();
            for (const socket of sockets) socket.destroy();
          } else done();
          for (const look of waiting.splice(0)) look();
        };
        void take();
        return undefined;
      });
    },
  });
  server.on("error", () => undefined);
  server.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    taken,
    connections: () => connections,
    faults,
    until: async (holds) => {
      while (!holds()) await new Promise<void>((resolve) => void waiting.push(resolve));
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  };
}
