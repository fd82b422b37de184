import { ComponentErr } from "../trap.ts";
import type { FileSource } from "./file-source.ts";

/** A file whose bytes come when they are asked for. */
export interface FileNode {
  readonly kind: "regular-file";
  /** Unique within the tree. */
  readonly id: number;
  readonly path: string;
  readonly sizeBytes: number;
}

/** A directory in memory. */
export interface DirectoryNode {
  readonly kind: "directory";
  readonly id: number;
  readonly entries: ReadonlyMap<string, TreeNode>;
}

export type TreeNode = FileNode | DirectoryNode;

interface GrowingDirectory extends DirectoryNode {
  readonly entries: Map<string, TreeNode>;
}

/** Lists files as a tree; directories are implied. What isn't a relative path, or is a file and a directory at once, is left out. */
export async function listTree(source: FileSource): Promise<DirectoryNode> {
  let lastId = 0;
  const directory = (): GrowingDirectory => ({ kind: "directory", id: lastId++, entries: new Map() });
  const root = directory();
  for (const { path, sizeBytes } of await source.list()) {
    const parts = path.split("/");
    if (parts.some((part) => part === "" || part === "." || part === "..")) continue;
    const name = parts.pop() ?? "";
    const parent = parts.reduce<GrowingDirectory | undefined>((here, part) => childOf(here, part, directory), root);
    if (parent === undefined || parent.entries.has(name)) continue;
    parent.entries.set(name, { kind: "regular-file", id: lastId++, path, sizeBytes });
  }
  return root;
}

function childOf(
  here: GrowingDirectory | undefined,
  name: string,
  directory: () => GrowingDirectory,
): GrowingDirectory | undefined {
  const known = here?.entries.get(name);
  if (known !== undefined) return known.kind === "directory" ? (known as GrowingDirectory) : undefined;
  const child = directory();
  here?.entries.set(name, child);
  return child;
}

const MAX_PATH = 4096;

/** Finds a node by a guest's path, which can't lead out of the directory that it starts from. */
export function findNode(start: TreeNode, path: string): TreeNode {
  if (path.length > MAX_PATH) throw new ComponentErr("name-too-long");
  if (path.startsWith("/")) throw new ComponentErr("not-permitted");
  if (path === "") throw new ComponentErr("no-entry");
  const trail: TreeNode[] = [start];
  for (const part of path.split("/")) {
    const here = trail.at(-1);
    if (here?.kind !== "directory") throw new ComponentErr("not-directory");
    if (part === "" || part === ".") continue;
    if (part === "..") {
      trail.pop();
      if (trail.length === 0) throw new ComponentErr("not-permitted");
      continue;
    }
    const next = here.entries.get(part);
    if (!next) throw new ComponentErr("no-entry");
    trail.push(next);
  }
  return trail.at(-1) ?? start;
}
