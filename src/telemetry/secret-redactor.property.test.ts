import fc from "fast-check";
import { expect, test } from "vitest";
import { MIN_SECRET_LENGTH } from "./secret-forms.ts";
import { SecretRedactor } from "./secret-redactor.ts";

const secrets = fc.oneof(
  fc.string({ minLength: MIN_SECRET_LENGTH, maxLength: 60, unit: "grapheme" }),
  fc.base64String({ minLength: 16, maxLength: 80 }),
  fc.stringMatching(/^sk-[A-Za-z0-9_-]{20,40}$/),
);
const around = fc.string({ maxLength: 30, unit: "binary-ascii" });
const encodings: readonly (readonly [string, (text: string) => string])[] = [
  ["as it is", (text) => text],
  ["JSON", (text) => JSON.stringify(text)],
  ["URL", (text) => encodeURIComponent(text)],
  ["form", (text) => new URLSearchParams({ a: text }).toString()],
  ["hex", (text) => Buffer.from(text).toString("hex")],
  ["HEX", (text) => Buffer.from(text).toString("hex").toUpperCase()],
  ["Base64", (text) => Buffer.from(text).toString("base64")],
  ["Base64 for URLs", (text) => Buffer.from(text).toString("base64url")],
];

test.each(encodings)(
  "redact() leaves nothing of a secret that is written %s, whatever stands around it",
  (_name, encode) => {
    fc.assert(
      fc.property(secrets, around, around, (secret, before, after) => {
        fc.pre(secret.isWellFormed() && secret.trim().length >= MIN_SECRET_LENGTH && !/[\r\n]/.test(secret));
        const redactor = new SecretRedactor();
        redactor.add(secret);
        const said = redactor.redact(encode(before + secret + after));
        expect(said).toContain("[redacted]");
        expect(said).not.toContain(secret);
      }),
      { seed: 20_261_121 },
    );
  },
);

test("redact() gives the very same text where there is no secret, and finds each of several in one line", () => {
  const redactor = new SecretRedactor();
  expect(redactor.redact("nothing to hide")).toBe("nothing to hide");
  redactor.add("s3cr3t-value");
  redactor.add("s3cr3t-value-and-longer");
  redactor.add("short");
  expect(redactor.redact("a short word")).toBe("a short word");
  expect(redactor.redact("x=s3cr3t-value-and-longer y=s3cr3t-value z")).toBe("x=[redacted] y=[redacted] z");
});

test("redact() takes out every line of a private key, however its lines are broken", () => {
  const lines = ["MC4CAQAwBQYDK2VwBCIEIHx2", "q9v0T3nS5b1d4f6g8h0j2k4l"];
  const redactor = new SecretRedactor();
  redactor.add(`-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`);
  const said = redactor.redact(`key: ${lines.join("\\n")} / ${lines[1]}`);
  for (const line of lines) expect(said).not.toContain(line);
});

test("redact() forgets the secrets that were read longest ago, not those read again", () => {
  const redactor = new SecretRedactor();
  for (let n = 0; n < 4_096; n++) redactor.add(`secret-number-${n}-`);
  redactor.add("secret-number-0-");
  redactor.add("one-secret-more");
  expect(redactor.redact("secret-number-0- one-secret-more secret-number-1-")).toBe(
    "[redacted] [redacted] secret-number-1-",
  );
});
