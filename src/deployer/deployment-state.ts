import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createHash, randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../pack/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { RenderedFiles } from "./target.ts";

/** One time that a deployment was applied. */
export interface Revision {
  /** Counts from 1. */
  readonly number: number;
  readonly at: string;
  /** What became of it: begun and never ended means that it may be half there. */
  readonly outcome: "begun" | "applied" | "failed";
  /** Path → SHA-256, lower-case hex. */
  readonly files: Readonly<Record<string, string>>;
}

/** Revisions that a rollback can go to. */
const KEPT = 10;

/**
 * What was applied where: `state.json` lists revisions, `revisions/N/` has each one's files as they were. A revision is written
 * down as begun before anything is done, so that what a crash left is tried again and never taken for done.
 */
export class DeploymentState {
  readonly #dir: string;

  constructor(dataDir: string, place: { readonly name: string; readonly target: string }) {
    this.#dir = join(dataDir, "deployments", place.name, place.target);
  }

  /** Lists revisions, oldest first. @throws DEPLOYER_STATE_INVALID */
  async revisions(): Promise<readonly Revision[]> {
    const file = join(this.#dir, "state.json");
    if (!existsSync(file)) return [];
    try {
      const root = parseJson(await readFile(file));
      if (isJsonObject(root) && Array.isArray(root["revisions"])) return root["revisions"];
    } catch {
      // Told below.
    }
    throw new GreenticError("DEPLOYER_STATE_INVALID", `Read deployment: ${quote(file)} is damaged`);
  }

  /** The directory of a revision's files. */
  dirOf(number: number): string {
    return join(this.#dir, "revisions", String(number));
  }

  /** Reads a revision's files as they were. @throws DEPLOYER_STATE_INVALID where they are other bytes than were noted */
  async read(revision: Revision): Promise<RenderedFiles> {
    const dir = this.dirOf(revision.number);
    const files = new Map<string, string>();
    for (const [path, sha256] of Object.entries(revision.files)) {
      const text = await readFile(join(dir, path), "utf8").catch(() => undefined);
      if (text === undefined || hashOf(text) !== sha256)
        throw new GreenticError(
          "DEPLOYER_STATE_INVALID",
          `Read revision ${revision.number}: ${quote(path)} is not as it was applied`,
        );
      files.set(path, text);
    }
    return files;
  }

  /** Writes a revision down as begun, and its files. */
  async begin(files: RenderedFiles, nowMs: number): Promise<Revision> {
    const known = await this.revisions();
    const number = (known.at(-1)?.number ?? 0) + 1;
    await writeFiles(this.dirOf(number), files);
    const revision: Revision = {
      number,
      at: new Date(nowMs).toISOString(),
      outcome: "begun",
      files: Object.fromEntries([...files].map(([path, text]) => [path, hashOf(text)])),
    };
    await this.#save([...known, revision]);
    return revision;
  }

  /** Notes what became of the last revision. */
  async end(revision: Revision, outcome: "applied" | "failed"): Promise<void> {
    const known = await this.revisions();
    const ended = known.map((one) => (one.number === revision.number ? { ...one, outcome } : one));
    // What is there still may be of the last one that was applied, however many failed since.
    const applied = ended.findLast((one) => one.outcome === "applied");
    const kept = ended.filter((one, index) => index >= ended.length - KEPT || one === applied);
    await this.#save(kept);
    for (const name of await readdir(join(this.#dir, "revisions")))
      if (!kept.some((one) => String(one.number) === name))
        await rm(join(this.#dir, "revisions", name), { recursive: true, force: true });
  }

  async #save(revisions: readonly Revision[]): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    await writeFileAtomic(
      join(this.#dir, "state.json"),
      Buffer.from(`${JSON.stringify({ revisions }, undefined, 2)}\n`),
    );
  }
}

/** SHA-256 of a text, lower-case hex. */
function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Writes files into a directory that is theirs alone; the directory is the old one or the new one, whole. */
export async function writeFiles(dir: string, files: RenderedFiles): Promise<void> {
  const draft = `${dir}.${randomUUID()}.tmp`;
  try {
    await mkdir(draft, { recursive: true });
    for (const [path, text] of files) {
      await mkdir(dirname(join(draft, path)), { recursive: true });
      await writeFile(join(draft, path), text, { mode: 0o644 });
    }
    await rm(dir, { recursive: true, force: true });
    await rename(draft, dir);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}
