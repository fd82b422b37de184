/** Values shorter than this are not looked for: they would be found in words that have nothing to do with them. */
export const MIN_SECRET_LENGTH = 8;

/**
 * Gives the forms in which a secret may stand in a text: as it is, as JSON, URLs and forms escape it, in hex, and in Base64 of either
 * alphabet wherever in the encoded bytes it begins. Each line of a secret with several, a private key, counts as a secret too.
 */
export function secretForms(secret: string): ReadonlySet<string> {
  const forms = new Set<string>();
  for (const value of new Set([secret, ...secret.split(/[\r\n]+/)])) {
    if (value.length < MIN_SECRET_LENGTH) continue;
    forms.add(value);
    forms.add(JSON.stringify(value).slice(1, -1));
    const escaped = encodeURIComponent(value.toWellFormed());
    forms.add(escaped);
    forms.add(escaped.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()));
    forms.add(new URLSearchParams([["", value]]).toString().slice(1));
    const bytes = Buffer.from(value);
    forms.add(bytes.toString("hex"));
    forms.add(bytes.toString("hex").toUpperCase());
    for (const offset of [0, 1, 2]) {
      const inside = base64Inside(bytes, offset);
      forms.add(inside);
      forms.add(inside.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }
  return forms;
}

/** The characters that bytes alone decide, in the Base64 of something in which they begin `offset` bytes behind a multiple of three. */
function base64Inside(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString("base64")
    .replace(/=+$/, "");
  const shared = ((offset + bytes.length) * 8) % 6 === 0 ? 0 : 1;
  return encoded.slice(Math.ceil((offset * 8) / 6), encoded.length - shared);
}
