import type { HostFunction } from "../contract.ts";
import { ComponentErr } from "../trap.ts";
import { answer } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import type { TreeNode } from "./file-tree.ts";
import { findNode } from "./file-tree.ts";
import { InputStream } from "./streams.ts";

/** Where the guest finds the files that it was given. */
const MOUNT = "/assets";

/** An open node of the read-only tree. */
class Descriptor {
  readonly node: TreeNode;

  constructor(node: TreeNode) {
    this.node = node;
  }

  get file(): Uint8Array {
    if (this.node.kind === "directory") throw new ComponentErr("is-directory");
    return this.node.bytes;
  }

  at(path: string): TreeNode {
    if (this.node.kind !== "directory") throw new ComponentErr("not-directory");
    return findNode(this.node, path);
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

function offsetOf(offset: bigint, bytes: Uint8Array): number {
  return offset > BigInt(bytes.length) ? bytes.length : Number(offset);
}

function stat(node: TreeNode): object {
  const size = node.kind === "directory" ? 0n : BigInt(node.bytes.length);
  return { type: node.kind, linkCount: 1n, size };
}

function open(self: Descriptor, path: string, how: { flags: OpenFlags; access: DescriptorFlags }): Descriptor {
  const { flags, access } = how;
  if (flags.create || flags.exclusive || flags.truncate || access.write || access.mutateDirectory) {
    throw new ComponentErr("read-only");
  }
  const node = self.at(path);
  if (flags.directory && node.kind !== "directory") throw new ComponentErr("not-directory");
  return new Descriptor(node);
}

const hashes = new WeakMap<TreeNode, bigint>();
let lastHash = 0n;

/** Numbers nodes as they are first asked about: equal for the same node, and nothing more is promised. */
function metadataHash(node: TreeNode): { readonly lower: bigint; readonly upper: bigint } {
  const lower = hashes.get(node) ?? ++lastHash;
  hashes.set(node, lower);
  return { lower, upper: 0n };
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
  "[method]descriptor.read-via-stream": answer((_wasi, self: Descriptor, offset: bigint) => {
    const bytes = self.file;
    return new InputStream(bytes, offsetOf(offset, bytes));
  }),
  "[method]descriptor.read": answer((_wasi, self: Descriptor, length: bigint, offset: bigint) => {
    const bytes = self.file;
    const start = offsetOf(offset, bytes);
    const end = offsetOf(BigInt(start) + length, bytes);
    return [bytes.subarray(start, end), end === bytes.length];
  }),
  "[method]descriptor.read-directory": answer((_wasi, self: Descriptor) => {
    if (self.node.kind !== "directory") throw new ComponentErr("not-directory");
    return new DirectoryEntryStream(self.node.entries);
  }),
  "[method]descriptor.get-flags": answer(() => FLAGS),
  "[method]descriptor.get-type": answer((_wasi, self: Descriptor) => self.node.kind),
  "[method]descriptor.stat": answer((_wasi, self: Descriptor) => stat(self.node)),
  "[method]descriptor.stat-at": answer((_wasi, self: Descriptor, _flags: unknown, path: string) => stat(self.at(path))),
  "[method]descriptor.open-at": answer(
    (_wasi, self: Descriptor, _how: unknown, path: string, flags: OpenFlags, access: DescriptorFlags) =>
      open(self, path, { flags, access }),
  ),
  "[method]descriptor.is-same-object": answer((_wasi, self: Descriptor, other: Descriptor) => self.node === other.node),
  "[method]descriptor.metadata-hash": answer((_wasi, self: Descriptor) => metadataHash(self.node)),
  "[method]descriptor.metadata-hash-at": answer((_wasi, self: Descriptor, _flags: unknown, path: string) =>
    metadataHash(self.at(path)),
  ),
  // Nothing is a link.
  "[method]descriptor.readlink-at": answer((_wasi, self: Descriptor, path: string) => {
    self.at(path);
    throw new ComponentErr("invalid");
  }),
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
  "get-directories": answer((wasi) => (wasi.root ? [[new Descriptor(wasi.root), MOUNT]] : [])),
};
