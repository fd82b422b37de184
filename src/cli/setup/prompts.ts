import { createInterface } from "node:readline";
import type { Interface } from "node:readline";
import { Writable } from "node:stream";
import type { CommandIo } from "../command.ts";

/** Says that a person left: no failure of anything, and nothing more is asked. */
export class Interrupted extends Error {}

/** Asks people questions in a terminal; what they type for a secret isn't shown. */
export class Prompts implements Disposable {
  readonly #io: CommandIo;
  readonly #lines: Interface;
  #isHidden = false;
  #isAsking = false;

  constructor(io: CommandIo) {
    this.#io = io;
    const echo = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#isHidden) io.stderr.write(chunk);
        done();
      },
    });
    this.#lines = createInterface({ input: io.stdin, output: echo, terminal: true, historySize: 0 });
    // The terminal's own signal comes as an event here; between questions it is the process's, as without this.
    this.#lines.on("SIGINT", () => {
      if (!this.#isAsking) process.kill(process.pid, "SIGINT");
    });
  }

  /** Asks once; gives the line without spaces around it. @throws Interrupted where the terminal is closed or Ctrl-C is hit */
  async ask(question: string, { isHidden = false }: { readonly isHidden?: boolean } = {}): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const stop = (): void => reject(new Interrupted());
    this.#lines.once("SIGINT", stop).once("close", stop);
    this.#io.signal.addEventListener("abort", stop);
    this.#isAsking = true;
    try {
      if (isHidden) this.#io.stderr.write(question);
      this.#isHidden = isHidden;
      this.#lines.question(isHidden ? "" : question, resolve);
      return (await promise).trim();
    } finally {
      if (isHidden) this.#io.stderr.write("\n");
      this.#isHidden = this.#isAsking = false;
      this.#lines.off("SIGINT", stop).off("close", stop);
      this.#io.signal.removeEventListener("abort", stop);
    }
  }

  say(text: string): void {
    this.#io.stderr.write(`${text}\n`);
  }

  [Symbol.dispose](): void {
    this.#lines.close();
  }
}

/** Tells whether somebody sits at the terminal. */
export function isTerminal({ stdin, stderr }: CommandIo): boolean {
  return [stdin, stderr].every((stream) => (stream as { readonly isTTY?: boolean }).isTTY === true);
}
