import { secretForms } from "./secret-forms.ts";

const CENSOR = "[redacted]";
/** Forms are found by how they begin: every form is longer than this. */
const HEAD_LENGTH = 4;
/** Secrets beyond these are looked for instead of the ones that were read longest ago. */
const MAX_SECRETS = 4_096;

/**
 * Takes the secrets that a process has read out of whatever it is about to say, in every form of `secretForms`. The last line of
 * defence: nothing is meant to say one in the first place.
 */
export class SecretRedactor {
  readonly #secrets = new Map<string, ReadonlySet<string>>();
  /** By their first characters, the longest first. */
  readonly #forms = new Map<string, string[]>();

  /** Remembers a secret that was read. */
  add(secret: string): void {
    const known = this.#secrets.get(secret);
    if (known !== undefined) {
      // The most recent is the last to be forgotten.
      this.#secrets.delete(secret);
      this.#secrets.set(secret, known);
      return;
    }
    const forms = secretForms(secret);
    if (forms.size === 0) return;
    this.#secrets.set(secret, forms);
    for (const form of forms) this.#file(form);
    if (this.#secrets.size > MAX_SECRETS) this.#forgetOldest();
  }

  /** Gives the text with `[redacted]` in the place of each secret; the very same string where there is none. */
  redact(text: string): string {
    if (this.#forms.size === 0) return text;
    let kept = "";
    let from = 0;
    for (let i = 0; i + HEAD_LENGTH <= text.length; i++) {
      const forms = this.#forms.get(text.slice(i, i + HEAD_LENGTH));
      const found = forms?.find((form) => text.startsWith(form, i));
      if (found === undefined) continue;
      kept += text.slice(from, i) + CENSOR;
      from = i + found.length;
      i = from - 1;
    }
    return from === 0 ? text : kept + text.slice(from);
  }

  #file(form: string): void {
    const head = form.slice(0, HEAD_LENGTH);
    const forms = this.#forms.get(head) ?? [];
    if (!forms.includes(form)) forms.push(form);
    this.#forms.set(
      head,
      forms.sort((a, b) => b.length - a.length),
    );
  }

  /** Many at once, since what is left is filed anew. */
  #forgetOldest(): void {
    for (const secret of [...this.#secrets.keys()].slice(0, MAX_SECRETS / 8)) this.#secrets.delete(secret);
    this.#forms.clear();
    for (const forms of this.#secrets.values()) for (const form of forms) this.#file(form);
  }
}
