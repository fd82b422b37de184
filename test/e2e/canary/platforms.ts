/** Platforms that repeat in their errors whatever they were told: tokens, texts, logins. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";

export interface Sink extends Disposable {
  readonly port: number;
  readonly url: string;
  /** What it was told, in order. */
  readonly got: readonly string[];
}

async function sinkOf(server: Server, got: readonly string[]): Promise<Sink> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, got, [Symbol.dispose]: () => void server.close() };
}

/** Takes everything, as a collector does. */
export function openCollector(): Promise<Sink> {
  return openHttp(() => ({ status: 200, body: {} }));
}

/** Refuses everything, with all of it in the answer. */
export function openParrot(): Promise<Sink> {
  return openHttp((said, path) => ({
    status: 400,
    body: {
      ok: false,
      // Slack's and OAuth's are words, Meta's and the models' objects.
      error: /^\/api\/|oauth2/.test(path)
        ? said
        : { message: said, type: said, code: said, param: said, fbtrace_id: said, error_data: { details: said } },
      error_code: 400,
      error_description: said,
      description: said,
      message: said,
      trackingId: said,
      errors: [{ description: said }],
    },
  }));
}

function openHttp(
  answer: (said: string, path: string) => { readonly status: number; readonly body: object },
): Promise<Sink> {
  const got: string[] = [];
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const told = Buffer.concat(chunks).toString("utf8");
      got.push(told);
      const { headers, url = "" } = request;
      const { status, body } = answer(`${headers.authorization ?? ""} ${url} ${told}`, url);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  return sinkOf(server, got);
}

/** A mail server that lets nobody in and says who tried; by the way it greets, for SMTP or for IMAP. */
export function openMailParrot(kind: "smtp" | "imap"): Promise<Sink> {
  const got: string[] = [];
  const server = createServer((socket) => {
    socket.setEncoding("utf8").on("error", () => undefined);
    socket.write(kind === "smtp" ? "220 parrot ESMTP\r\n" : "* OK parrot\r\n");
    socket.on("data", (text: string) => {
      for (const line of text.split("\r\n").filter((one) => one !== "")) {
        got.push(line);
        socket.write(kind === "smtp" ? smtpAnswer(line) : imapAnswer(line));
      }
    });
  });
  return sinkOf(server, got);
}

function smtpAnswer(line: string): string {
  if (/^(?:EHLO|HELO)/i.test(line)) return "250-parrot\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n";
  return `535 5.7.8 refused: ${line}\r\n`;
}

function imapAnswer(line: string): string {
  const [tag = "", command = ""] = line.split(" ");
  if (/^CAPABILITY$/i.test(command)) return `* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n${tag} OK\r\n`;
  return `${tag} NO [AUTHENTICATIONFAILED] refused: ${line}\r\n`;
}
