/** Collects what a guest writes and logs, within a number of bytes and without control characters. */
export class CallLog {
  readonly #decoder = new TextDecoder();
  #left: number;
  #text = "";

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  /** Whether more is kept. */
  get isOpen(): boolean {
    return this.#left > 0;
  }

  /** Adds bytes of stdout or stderr. */
  write(bytes: Uint8Array): void {
    if (this.isOpen) this.#add(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Adds one line and gives what was kept of it. */
  line(text: string): string {
    return this.#add(`${text.replaceAll(/[\r\n]+/g, " ")}\n`).trimEnd();
  }

  text(): string {
    return this.#text;
  }

  #add(text: string): string {
    const kept = stripControl(text.slice(0, this.#left));
    this.#left -= Math.min(this.#left, text.length);
    this.#text += kept;
    return kept;
  }
}

/** Leaves line ends and tabs; escape sequences, other controls and direction marks could forge lines on a terminal. */
function stripControl(text: string): string {
  return text
    .replaceAll(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, "")
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, "");
}
