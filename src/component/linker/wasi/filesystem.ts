import type { HostFunction } from "../contract.ts";
import { ComponentErr } from "../trap.ts";
import { answer, wait } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import type { Files } from "./files.ts";
import type { DirectoryNode, TreeNode } from "./file-tree.ts";
import { findNode } from "./file-tree.ts";
import { InputStream } from "./streams.ts";

/** Where the guest finds the files that it was given. */
const MOUNT = "/assets";

/** An open node of the read-only tree; the root's is found when it is first needed. */
class Descriptor {
  readonly files: Files;
  readonly #node: TreeNode | undefined;

  constructor(files: Files, node?: TreeNode) {
    this.files = files;
    this.#node = node;
  }

  get kind(): TreeNode["kind"] {
    return this.#node?.kind ?? "directory";
  }

  /** Goes on with the node, at once where it is known: a guest that needn't wait doesn't. */
  withNode<T>(use: (node: TreeNode) => T): T | Promise<T> {
    const node = this.#node ?? this.files.root();
    return node instanceof Promise ? node.then(use) : use(node);
  }

  /** Goes on with the file's bytes. */
  withBytes<T>(use: (bytes: Uint8Array) => T): T | Promise<T> {
    if (this.#node?.kind !== "regular-file") throw new ComponentErr("is-directory");
    const bytes = this.files.read(this.#node);
    return bytes instanceof Promise ? bytes.then(use) : use(bytes);
  }

  /** Goes on with the node at a path below it. */
  at<T>(path: string, use: (node: TreeNode) => T): T | Promise<T> {
    return this.withNode((node) => use(findNode(asDirectory(node), path)));
  }
}

/** Directory entries still to be read. */
class DirectoryEntryStream {
  readonly #entries: Iterator<readonly [string, TreeNode]>;

  constructor(entries: Iterable<readonly [string, TreeNode]>) {
    this.#entries = entries[Symbol.iterator]();
  }

  next(): { readonly type: string; readonly name: string } | undefined {
    const { done, value } = this.#entries.next();
    return done ? undefined : { type: value[1].kind, name: value[0] };
  }
}

interface OpenFlags {
  readonly create?: boolean;
  readonly directory?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
}

interface DescriptorFlags {
  readonly write?: boolean;
  readonly mutateDirectory?: boolean;
}

function asDirectory(node: TreeNode): DirectoryNode {
  if (node.kind !== "directory") throw new ComponentErr("not-directory");
  return node;
}

function offsetOf(offset: bigint, bytes: Uint8Array): number {
  return offset > BigInt(bytes.length) ? bytes.length : Number(offset);
}

function stat(node: TreeNode): object {
  const size = node.kind === "directory" ? 0n : BigInt(node.sizeBytes);
  return { type: node.kind, linkCount: 1n, size };
}

function open(
  self: Descriptor,
  path: string,
  how: { flags: OpenFlags; access: DescriptorFlags },
): Descriptor | Promise<Descriptor> {
  const { flags, access } = how;
  if (flags.create || flags.exclusive || flags.truncate || access.write || access.mutateDirectory) {
    throw new ComponentErr("read-only");
  }
  return self.at(path, (node) => new Descriptor(self.files, flags.directory ? asDirectory(node) : node));
}

/** Equal for the same node of one guest's tree, and nothing more is promised. */
function metadataHash(node: TreeNode): { readonly lower: bigint; readonly upper: bigint } {
  return { lower: BigInt(node.id), upper: 0n };
}

const FLAGS = {
  read: true,
  write: false,
  fileIntegritySync: false,
  dataIntegritySync: false,
  requestedWriteSync: false,
  mutateDirectory: false,
};

const fail = (code: string): HostFunction =>
  answer(() => {
    throw new ComponentErr(code);
  });
const readOnly = fail("read-only");
const done = answer(() => undefined);

export const filesystemTypes: WasiInterface = {
  "[method]descriptor.read-via-stream": wait((_wasi, self: Descriptor, offset: bigint) =>
    self.withBytes((bytes) => new InputStream(bytes, offsetOf(offset, bytes))),
  ),
  "[method]descriptor.read": wait((_wasi, self: Descriptor, length: bigint, offset: bigint) =>
    self.withBytes((bytes) => {
      const start = offsetOf(offset, bytes);
      const end = offsetOf(BigInt(start) + length, bytes);
      return [bytes.subarray(start, end), end === bytes.length];
    }),
  ),
  "[method]descriptor.read-directory": wait((_wasi, self: Descriptor) =>
    self.withNode((node) => new DirectoryEntryStream(asDirectory(node).entries)),
  ),
  "[method]descriptor.get-flags": answer(() => FLAGS),
  "[method]descriptor.get-type": answer((_wasi, self: Descriptor) => self.kind),
  "[method]descriptor.stat": wait((_wasi, self: Descriptor) => self.withNode(stat)),
  "[method]descriptor.stat-at": wait((_wasi, self: Descriptor, _flags: unknown, path: string) => self.at(path, stat)),
  "[method]descriptor.open-at": wait(
    (_wasi, self: Descriptor, _how: unknown, path: string, flags: OpenFlags, access: DescriptorFlags) =>
      open(self, path, { flags, access }),
  ),
  "[method]descriptor.is-same-object": wait((_wasi, self: Descriptor, other: Descriptor) =>
    self.withNode((node) => other.withNode((otherNode) => node === otherNode)),
  ),
  "[method]descriptor.metadata-hash": wait((_wasi, self: Descriptor) => self.withNode(metadataHash)),
  "[method]descriptor.metadata-hash-at": wait((_wasi, self: Descriptor, _flags: unknown, path: string) =>
    self.at(path, metadataHash),
  ),
  // Nothing is a link.
  "[method]descriptor.readlink-at": wait((_wasi, self: Descriptor, path: string) =>
    self.at(path, () => {
      throw new ComponentErr("invalid");
    }),
  ),
  "[method]descriptor.advise": done,
  "[method]descriptor.sync": done,
  "[method]descriptor.sync-data": done,
  "[method]descriptor.write-via-stream": readOnly,
  "[method]descriptor.append-via-stream": readOnly,
  "[method]descriptor.write": readOnly,
  "[method]descriptor.set-size": readOnly,
  "[method]descriptor.set-times": readOnly,
  "[method]descriptor.set-times-at": readOnly,
  "[method]descriptor.create-directory-at": readOnly,
  "[method]descriptor.link-at": readOnly,
  "[method]descriptor.remove-directory-at": readOnly,
  "[method]descriptor.rename-at": readOnly,
  "[method]descriptor.symlink-at": readOnly,
  "[method]descriptor.unlink-file-at": readOnly,
  "[method]directory-entry-stream.read-directory-entry": answer((_wasi, self: DirectoryEntryStream) => self.next()),
  "filesystem-error-code": done,
};

export const filesystemPreopens: WasiInterface = {
  "get-directories": answer((wasi) => (wasi.files ? [[new Descriptor(wasi.files), MOUNT]] : [])),
};
