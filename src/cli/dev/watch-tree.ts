import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What is watched, and how. */
export interface WatchOptions {
  /** Tells the names that are passed over, as folders and as files. */
  readonly isIgnored: (name: string) => boolean;
  /** How long nothing may happen before a change is told; editors write, rename and touch in one go. */
  readonly quietMs: number;
  /** How often the tree is looked at where no event came: network file systems and full inotify tables send none. */
  readonly pollMs: number;
  /** Gets the paths that are new, gone or different; the next change is told once it has finished. */
  readonly onChange: (paths: readonly string[]) => Promise<void>;
}

/**
 * Watches a directory tree. Events of the file system only say when to look: what has changed is found by comparing size, times
 * and inode of every file, so that neither a lost event, nor a save by renaming, nor a folder that is new goes unnoticed.
 */
export class TreeWatcher implements AsyncDisposable {
  readonly #root: string;
  readonly #options: WatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout;
  #quiet: NodeJS.Timeout | undefined;
  #known: ReadonlyMap<string, string> = new Map();
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(root: string, options: WatchOptions) {
    this.#root = root;
    this.#options = options;
    this.#poll = setInterval(() => this.#look(), options.pollMs);
  }

  /** Starts to watch; what differs from now on is a change. */
  static async open(root: string, options: WatchOptions): Promise<TreeWatcher> {
    const watcher = new TreeWatcher(root, options);
    watcher.#known = await watcher.#scan();
    return watcher;
  }

  /** Stops watching, and waits for the change that is being told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#quiet);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#work;
  }

  #onEvent(): void {
    clearTimeout(this.#quiet);
    if (!this.#isClosed) this.#quiet = setTimeout(() => this.#look(), this.#options.quietMs);
  }

  #look(): void {
    // One look at a time; a poll that finds one under way would only look again at the same.
    this.#work = this.#work.then(() => this.#compare());
  }

  async #compare(): Promise<void> {
    if (this.#isClosed) return;
    const now = await this.#scan();
    const before = this.#known;
    this.#known = now;
    const changed = [...now].filter(([path, state]) => before.get(path) !== state).map(([path]) => path);
    const gone = [...before.keys()].filter((path) => !now.has(path));
    if (changed.length + gone.length > 0) await this.#options.onChange([...changed, ...gone].sort());
  }

  async #scan(): Promise<ReadonlyMap<string, string>> {
    const files = new Map<string, string>();
    const folders = new Set<string>();
    await this.#scanFolder(this.#root, { files, folders });
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    return files;
  }

  async #scanFolder(
    folder: string,
    found: { readonly files: Map<string, string>; readonly folders: Set<string> },
  ): Promise<void> {
    // Watched before it is read: what is written in between gives an event.
    this.#watch(folder);
    found.folders.add(folder);
    // A folder that is gone has no files.
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (this.#options.isIgnored(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await this.#scanFolder(path, found);
      else if (entry.isFile()) {
        const info = await lstat(path, { bigint: true }).catch(() => undefined);
        if (info !== undefined) found.files.set(path, `${info.size}:${info.mtimeNs}:${info.ctimeNs}:${info.ino}`);
      }
    }
  }

  #watch(folder: string): void {
    if (this.#isClosed || this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, () => this.#onEvent());
      // A folder that can't be watched, or no longer, is still polled.
      watcher.on("error", () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // Polled.
    }
  }
}
