import { ComponentErr } from "../trap.ts";

/** A file in memory. */
interface FileNode {
  readonly kind: "regular-file";
  readonly bytes: Uint8Array;
}

/** A directory in memory. */
export interface DirectoryNode {
  readonly kind: "directory";
  readonly entries: ReadonlyMap<string, TreeNode>;
}

export type TreeNode = FileNode | DirectoryNode;

const trees = new WeakMap<ReadonlyMap<string, Uint8Array>, DirectoryNode>();

/** Gives the tree of files by relative path, built once for the same map; directories are implied. */
export function fileTree(files: ReadonlyMap<string, Uint8Array>): DirectoryNode {
  const known = trees.get(files);
  if (known) return known;
  const tree = buildTree(files);
  trees.set(files, tree);
  return tree;
}

function buildTree(files: ReadonlyMap<string, Uint8Array>): DirectoryNode {
  const root = new Map<string, TreeNode>();
  for (const [path, bytes] of files) {
    const parts = path.split("/").filter((part) => part !== "");
    const name = parts.pop();
    if (name === undefined || parts.concat(name).some((part) => part === "." || part === "..")) {
      throw new TypeError(`Build file tree: ${JSON.stringify(path)} is not a relative path`);
    }
    let entries = root;
    for (const part of parts) entries = childDirectory(entries, part);
    entries.set(name, { kind: "regular-file", bytes });
  }
  return { kind: "directory", entries: root };
}

function childDirectory(entries: Map<string, TreeNode>, name: string): Map<string, TreeNode> {
  const known = entries.get(name);
  if (known?.kind === "directory") return known.entries as Map<string, TreeNode>;
  if (known) throw new TypeError(`Build file tree: ${JSON.stringify(name)} is a file and a directory`);
  const child = new Map<string, TreeNode>();
  entries.set(name, { kind: "directory", entries: child });
  return child;
}

/** Finds a node by a guest's path, which can't lead out of the directory that it starts from. */
export function findNode(start: TreeNode, path: string): TreeNode {
  if (path.startsWith("/")) throw new ComponentErr("not-permitted");
  const trail: TreeNode[] = [start];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      trail.pop();
      if (trail.length === 0) throw new ComponentErr("not-permitted");
      continue;
    }
    const here = trail.at(-1);
    if (here?.kind !== "directory") throw new ComponentErr("not-directory");
    const next = here.entries.get(part);
    if (!next) throw new ComponentErr("no-entry");
    trail.push(next);
  }
  return trail.at(-1) ?? start;
}
