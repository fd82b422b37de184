/**
 * Archives as layers of images are: POSIX ustar, with a pax header where a path is too long for it. The same entries give the same
 * bytes: no time, no names of users.
 *   header   512 bytes: name[100] mode[8] uid[8] gid[8] size[12] mtime[12] checksum[8] type link[100] "ustar" "00" … prefix[155]
 *   content  filled up to 512; two empty blocks at the end
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */

/** Something in an archive. */
export interface TarEntry {
  /** Relative, `/` between its parts. */
  readonly path: string;
  readonly kind: "file" | "directory" | "link";
  readonly mode: number;
  /** Of user and group; 0 where absent. */
  readonly owner?: number;
  /** What a link points to. */
  readonly target?: string;
  /** A file's bytes, read when it is their turn. */
  readonly read?: () => Promise<Uint8Array>;
}

const BLOCK = 512;
const TYPE = { file: "0", link: "2", directory: "5" } as const;

/** Writes an archive, entry by entry, in the order in which they are given. */
export async function* writeTar(entries: Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const bytes = (await entry.read?.()) ?? new Uint8Array();
    const path = entry.kind === "directory" ? `${entry.path}/` : entry.path;
    const place = split(path);
    if (place === undefined || (entry.target ?? "").length > 100) {
      const records = paxRecord("path", path) + (entry.target === undefined ? "" : paxRecord("linkpath", entry.target));
      yield header({ ...place, name: "PaxHeader", type: "x", mode: 0o644, owner: 0, size: Buffer.byteLength(records) });
      yield padded(Buffer.from(records));
    }
    yield header({
      name: place?.name ?? path.slice(-100),
      prefix: place?.prefix ?? "",
      type: TYPE[entry.kind],
      mode: entry.mode,
      owner: entry.owner ?? 0,
      size: bytes.byteLength,
      target: (entry.target ?? "").slice(0, 100),
    });
    if (bytes.byteLength > 0) yield padded(bytes);
  }
  yield new Uint8Array(2 * BLOCK);
}

interface Header {
  readonly name: string;
  readonly prefix?: string;
  readonly type: string;
  readonly mode: number;
  readonly owner: number;
  readonly size: number;
  readonly target?: string;
}

function header({ name, prefix = "", type, mode, owner, size, target = "" }: Header): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const number = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(name, 0, 100);
  block.write(number(mode, 7), 100);
  block.write(number(owner, 7), 108);
  block.write(number(owner, 7), 116);
  block.write(number(size, 11), 124);
  block.write(number(0, 11), 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.write(target, 157, 100);
  block.write("ustar\u000000", 257);
  block.write(number(0, 7), 329);
  block.write(number(0, 7), 337);
  block.write(prefix, 345, 155);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Splits a path at a slash so that both parts fit; undefined where none does. */
function split(path: string): { readonly name: string; readonly prefix: string } | undefined {
  if (Buffer.byteLength(path) !== path.length) return undefined;
  if (path.length <= 100) return { name: path, prefix: "" };
  for (let at = path.indexOf("/"); at !== -1 && at <= 155; at = path.indexOf("/", at + 1))
    if (path.length - at - 1 <= 100 && at < path.length - 1)
      return { name: path.slice(at + 1), prefix: path.slice(0, at) };
  return undefined;
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (String(length).length !== String(bytes).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

function padded(bytes: Uint8Array): Uint8Array {
  const rest = bytes.byteLength % BLOCK;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(BLOCK - rest)]);
}
