// What admission made of a component, one file for each, named by the hash of the component's bytes:
//   digest of everything behind it, 64 hex digits, \n
//   { version, info } as JSON, \n
//   the plan with its instrumented core modules, as `v8.serialize` wrote it
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isJsonObject, parseJson } from "../../types/index.ts";
import type { ComponentInfo } from "../host.ts";
import { checkInfo } from "./check-info.ts";

/** A component as admission left it: what it is, and its plan as it goes to the processes that run it. */
export interface Admission {
  readonly info: ComponentInfo;
  readonly plan: Uint8Array;
}

const DIGEST_LENGTH = 64;
const LINE_END = 10;

/**
 * Keeps admissions on disk, so that a start doesn't wait for processes to read what they read before. The directory belongs to
 * the host alone. An entry counts only whole, and as what the same version of the code made of the same bytes: what differs in a
 * bit is made anew.
 */
export class AdmissionCache {
  readonly #dir: string;
  readonly #version: string;

  /** `version` stands for all that an admission depends on but the component's bytes. */
  constructor(dir: string, version: string) {
    this.#dir = dir;
    this.#version = version;
  }

  /** Reads an entry; undefined where there is none that counts. */
  async get(sha256: string, sizeBytes: number): Promise<Admission | undefined> {
    try {
      const file = await readFile(this.#file(sha256));
      const content = file.subarray(DIGEST_LENGTH + 1);
      if (digestOf(sha256, content) !== file.toString("latin1", 0, DIGEST_LENGTH)) return undefined;
      const headEnd = content.indexOf(LINE_END);
      const head = parseJson(content.subarray(0, headEnd));
      if (!isJsonObject(head) || head["version"] !== this.#version) return undefined;
      const info = checkInfo(head["info"], { sha256, sizeBytes });
      return info && { info, plan: content.subarray(headEnd + 1) };
    } catch {
      return undefined;
    }
  }

  /** Writes an entry; false where the disk didn't take it. */
  async put({ info, plan }: Admission): Promise<boolean> {
    const file = this.#file(info.sha256);
    const temporary = `${file}.${randomUUID()}`;
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      const head = Buffer.from(`${JSON.stringify({ version: this.#version, info })}\n`);
      const content = Buffer.concat([head, plan]);
      await writeFile(temporary, [`${digestOf(info.sha256, content)}\n`, content], { mode: 0o600 });
      await rename(temporary, file);
      return true;
    } catch {
      // Without it the next start is slower, nothing else.
      await rm(temporary, { force: true }).catch(() => undefined);
      return false;
    }
  }

  #file(sha256: string): string {
    return join(this.#dir, `${sha256}.admitted`);
  }
}

/** Binds the content to its component, so that no entry stands for another. */
function digestOf(sha256: string, content: Uint8Array): string {
  return createHash("sha256").update(sha256).update(content).digest("hex");
}
