import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, parseJson } from "../../types/index.ts";
import type { ComponentInfo } from "../host.ts";

/** Changes with the parser, the opcode allow-list and the limits: what an older one admitted is read again. */
const ADMISSION_VERSION = 1;

/**
 * Remembers on disk what admission found in a component, by the hash of its bytes, so that a start doesn't wait for a process
 * to read what it read before. The directory belongs to the host alone; what can't be read or written is read from the component.
 */
export class AdmissionCache {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  get(sha256: string): ComponentInfo | undefined {
    try {
      const kept = parseJson(readFileSync(this.#file(sha256)));
      if (!isJsonObject(kept) || kept["version"] !== ADMISSION_VERSION || !isJsonObject(kept["info"])) return undefined;
      const info = kept["info"] as unknown as ComponentInfo;
      return info.sha256 === sha256 && Array.isArray(info.imports) && Array.isArray(info.exports) ? info : undefined;
    } catch {
      return undefined;
    }
  }

  put(info: ComponentInfo): void {
    const file = this.#file(info.sha256);
    try {
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      writeFileSync(`${file}.tmp`, JSON.stringify({ version: ADMISSION_VERSION, info }), { mode: 0o600 });
      renameSync(`${file}.tmp`, file);
    } catch {
      // Without it the next start is slower, nothing else.
    }
  }

  #file(sha256: string): string {
    return join(this.#dir, `${sha256}.json`);
  }
}
