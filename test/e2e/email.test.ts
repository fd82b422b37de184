import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import { startOpenMeteoStandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import type { Certificates } from "../stand-ins/certificates.ts";
import { makeCertificates } from "../stand-ins/certificates.ts";
import type { MailServerStandIn } from "../stand-ins/mail-server.ts";
import { openMailServer } from "../stand-ins/mail-server.ts";
import { freePort } from "../stand-ins/server-program.ts";
import { verifies } from "../verifies.ts";
import type { HostProcess } from "./host-process.ts";
import { startHostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

const PASSWORD = "the password of the worker";
const DEMO = join(ROOT, "examples/weather-demo");
/** Where what was sent goes, to be looked at; nowhere unless GREENTIC_SCREENSHOTS says so. */
const SHOTS = process.env["GREENTIC_SCREENSHOTS"];
let meteo: StandIn;
let world: MailServerStandIn;
let certificates: Certificates;
let bundle: string;
let host: HostProcess;
let port: number;

function makeBundle(): string {
  const dir = mkdtempSync(join(tmpdir(), "greentic-email-"));
  mkdirSync(join(dir, "data"), { mode: 0o700 });
  copyFileSync(join(DEMO, "dist/weather-demo-1.0.0.gtpack"), join(dir, "weather.gtpack"));
  const config = {
    from: "weather@example.com",
    from_name: "Weather",
    smtp_host: "localhost",
    smtp_port: String(world.port),
    smtp_security: "starttls",
    smtp_user: "weather",
    listen: `127.0.0.1:${port}`,
    trusted_authserv: "mx.example.com",
    require: "dmarc",
  };
  writeFileSync(
    join(dir, "greentic.demo.yaml"),
    `tenant: demo
providers:
  email: { type: email, config: ${JSON.stringify(config)} }
apps:
  weather: { pack: weather.gtpack, default_flow: on_message }
`,
  );
  writeFileSync(
    join(dir, "greentic.toml"),
    '[security]\nreject_unsigned = false\n[network]\nprivate_addresses = ["127.0.0.1", "::1"]\n',
  );
  const secret = (name: string): string => `secrets://dev/demo/_/email/${name}`;
  writeFileSync(
    join(dir, "data/secrets.json"),
    JSON.stringify({ [secret("email_thread_secret")]: "a-text-of-our-own", [secret("smtp_password")]: PASSWORD }),
    { mode: 0o600 },
  );
  return dir;
}

const start = (): Promise<HostProcess> =>
  startHostProcess(".", {
    cwd: bundle,
    args: ["--port", "0", "--data", join(bundle, "data")],
    env: {
      NODE_EXTRA_CA_CERTS: certificates.caFile,
      GREENTIC_HTTP_REWRITE: ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"]
        .map((origin) => `${origin}=${meteo.url}`)
        .join(","),
    },
  });

beforeAll(async () => {
  certificates = makeCertificates();
  [meteo, world, port] = await Promise.all([
    startOpenMeteoStandIn(),
    openMailServer({ certificates, users: { weather: PASSWORD } }),
    freePort(),
  ]);
  bundle = makeBundle();
  host = await start();
}, 60_000);
afterAll(async () => {
  await host.kill();
  await Promise.all([world.close(), meteo[Symbol.asyncDispose]()]);
});

/** The tests' side of the own mail server: brings a mail with its verdict on the sender, and again while nobody listens. */
async function bring(
  mail: { readonly id: string; readonly text: string; readonly subject: string; readonly answers?: string | undefined },
  person = "anna@example.net",
): Promise<string> {
  const transport = createTransport({ host: "127.0.0.1", port, ignoreTLS: true });
  for (;;) {
    try {
      const { response } = await transport.sendMail({
        from: `Anna <${person}>`,
        to: "weather@example.com",
        messageId: `<${mail.id}@example.net>`,
        subject: mail.subject,
        text: mail.text,
        ...(mail.answers === undefined ? {} : { inReplyTo: mail.answers, references: mail.answers }),
        headers: { "Authentication-Results": `mx.example.com; dmarc=pass header.from=${person.split("@")[1]}` },
      });
      return response.slice(0, 3);
    } catch (error) {
      if ((error as { code?: string }).code !== "ESOCKET") throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** What a mailbox shows that knows a message by its name: the host dies in the middle of things and may have sent one again. */
const shown = (): MailServerStandIn["taken"] =>
  world.taken.filter(({ mail }, at) => world.taken.findIndex((one) => one.mail.messageId === mail.messageId) === at);
const seen = (count: number): Promise<void> => world.until(() => shown().length >= count);

test("a person gets the weather by mail: asks, answers with the question below, chooses by number", async () => {
  verifies("channels.email", "channels.email.tls", "channels.numbered");
  const hello = { id: "1", subject: "Weather?", text: "/weather" };
  expect(await bring(hello)).toBe("250");
  expect(await bring(hello)).toBe("250");
  await seen(1);
  const [city] = shown();
  expect(city?.mail.text).toContain("Which city?");
  expect([city?.to, city?.mail.subject, city?.isSecure, city?.user]).toEqual([
    ["anna@example.net"],
    "Re: Weather?",
    true,
    "weather",
  ]);
  // The host dies and comes back: the conversation goes on where it was, by the name that its mail has.
  await host.kill();
  host = await start();
  const quoted = "\n\nOn Thu, 5 Mar 2026 at 10:00, Weather <weather@example.com> wrote:\n> Which city?\n";
  await bring({ id: "2", subject: "Re: Weather?", text: `Jakarta${quoted}`, answers: city?.mail.messageId });
  await seen(2);
  const day = shown()[1]?.mail;
  expect(day?.text).toMatch(/Which day\?[^]*\n1\. today\n2\. tomorrow/i);
  // Somebody whom it was forwarded to answers: that is a conversation of their own.
  await bring({ id: "3", subject: "Fwd: Weather?", text: "2", answers: day?.messageId }, "tom@example.org");
  await seen(3);
  expect(shown()[2]?.to).toEqual(["tom@example.org"]);
  expect(shown()[2]?.mail.text).not.toContain("Jakarta");
  await bring({ id: "4", subject: "Re: Weather?", text: "2", answers: day?.messageId });
  await seen(4);
  const forecast = shown()[3];
  expect(forecast?.to).toEqual(["anna@example.net"]);
  expect(forecast?.mail.text).toMatch(/Jakarta[^]*1\. Another city/);
  expect(forecast?.mail.html).toContain("Jakarta");
  expect(forecast?.mail.references?.split(" ").at(-1)).toBe("<4@example.net>");
  if (SHOTS !== undefined) {
    mkdirSync(SHOTS, { recursive: true });
    for (const [at, { mail }] of shown().entries()) writeFileSync(join(SHOTS, `mail-${at + 1}.html`), mail.html ?? "");
  }
  // The card's button comes back as what it submits.
  await bring({ id: "5", subject: "Re: Weather?", text: "1", answers: forecast?.mail.messageId });
  await seen(5);
  expect(shown()[4]?.mail.text).toContain("Which city?");
  const told = host.said.join("\n");
  expect(told).not.toContain(PASSWORD);
  expect(told).not.toContain("anna@example.net");
}, 120_000);
