/** Why a file can't be read, as wasi:filesystem spells it. */
export type FileProblem = "access" | "no-entry" | "file-too-large" | "io";

/** The files that a guest was given: listed when it first looks, fetched when it first reads. */
export interface FileSource {
  /** Every file by its relative path. */
  list(): Promise<readonly { readonly path: string; readonly sizeBytes: number }[]>;
  read(path: string): Promise<Uint8Array | FileProblem>;
}

/** Gives files that are in memory already. */
export function memoryFiles(files: ReadonlyMap<string, Uint8Array>): FileSource {
  return {
    list: () => Promise.resolve([...files].map(([path, bytes]) => ({ path, sizeBytes: bytes.byteLength }))),
    read: (path) => Promise.resolve(files.get(path) ?? "no-entry"),
  };
}
