import { mkdir, readFile } from "node:fs/promises";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { withFileLock } from "./file-lock.ts";
import { writeFileAtomic } from "./write-file.ts";

/** A small text that processes share: read as it is now, and written over what was read. */
export interface SharedText {
  /** What people call it: a file, or a record of a store. */
  readonly place: string;
  /** Reads it; undefined where nobody wrote it yet. @throws where it can't be read */
  read(): Promise<string | undefined>;
  /** Writes it over what was read, whole and durable; false where somebody else was faster. Never empty. @throws where it can't be written */
  write(text: string, over: string | undefined): Promise<boolean>;
}

/** The texts of one place, by name. */
export interface SharedTexts extends AsyncDisposable {
  of(name: string): SharedText;
}

/** Changes a text by what it is now, again and again until nobody was faster; an edit without a text changes nothing. */
export async function changeText<T>(
  shared: SharedText,
  edit: (text: string | undefined) => { readonly text?: string; readonly value: T },
): Promise<T> {
  for (;;) {
    const now = await shared.read();
    const { text, value } = edit(now);
    if (text === undefined || (await shared.write(text, now))) return value;
  }
}

/** The texts of a folder, `{name}.json` each, for the processes of one machine. */
export function openFileTexts(dir: string): SharedTexts {
  return {
    of: (name) => new FileText(join(dir, `${name}.json`)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

class FileText implements SharedText {
  readonly place: string;
  #cached: { readonly stamp: string; readonly text: string } | undefined;

  constructor(file: string) {
    this.place = file;
  }

  async read(): Promise<string | undefined> {
    const stat = statSync(this.place, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const stamp = `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    if (this.#cached?.stamp === stamp) return this.#cached.text;
    const text = await readFile(this.place, "utf8");
    this.#cached = { stamp, text };
    return text;
  }

  async write(text: string, over: string | undefined): Promise<boolean> {
    await mkdir(dirname(this.place), { recursive: true, mode: 0o700 });
    return withFileLock(`${this.place}.lock`, async () => {
      this.#cached = undefined;
      if ((await this.read()) !== over) return false;
      await writeFileAtomic(this.place, Buffer.from(text));
      this.#cached = undefined;
      return true;
    });
  }
}
