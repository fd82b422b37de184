import { ComponentErr } from "../trap.ts";
import type { FileSource } from "./file-source.ts";
import type { DirectoryNode, FileNode } from "./file-tree.ts";
import { listTree } from "./file-tree.ts";

/** A guest's files: the tree once it was listed, bytes once they were fetched. */
export class Files {
  readonly #source: FileSource;
  /** Takes from what the call may hold in memory; false where that is used up. */
  readonly #takeBuffer: (bytes: number) => boolean;
  readonly #bytes = new Map<FileNode, Uint8Array>();
  #root: DirectoryNode | undefined;

  constructor(source: FileSource, takeBuffer: (bytes: number) => boolean) {
    this.#source = source;
    this.#takeBuffer = takeBuffer;
  }

  /** Gives the root directory, at once where it is known. */
  root(): DirectoryNode | Promise<DirectoryNode> {
    return this.#root ?? this.#list();
  }

  /** Gives a file's bytes, at once where they are there. */
  read(file: FileNode): Uint8Array | Promise<Uint8Array> {
    return this.#bytes.get(file) ?? this.#fetch(file);
  }

  /** Lets go of everything: the next call's files may be others. */
  forget(): void {
    this.#root = undefined;
    this.#bytes.clear();
  }

  async #list(): Promise<DirectoryNode> {
    const root = await listTree(this.#source);
    return (this.#root ??= root);
  }

  async #fetch(file: FileNode): Promise<Uint8Array> {
    if (!this.#takeBuffer(file.sizeBytes)) throw new ComponentErr("insufficient-memory");
    const bytes = await this.#source.read(file.path);
    if (typeof bytes === "string") throw new ComponentErr(bytes);
    this.#bytes.set(file, bytes);
    return bytes;
  }
}
