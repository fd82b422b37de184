import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChainHead } from "./audit-chain.ts";
import { formatHead, HEAD_FILE, parseHead } from "./audit-chain.ts";

/** Reads the head of a folder; undefined where there is none that can be read. */
export async function readHead(dir: string): Promise<ChainHead | undefined> {
  try {
    return parseHead(await readFile(join(dir, HEAD_FILE)));
  } catch {
    return undefined;
  }
}

/** Writes the head over the one before, in place: it is smaller than what disks write at once. It may lag behind unless it is to be durable. */
export async function writeHead(
  dir: string,
  head: ChainHead,
  { isDurable = false }: { readonly isDurable?: boolean } = {},
): Promise<void> {
  const file = await open(join(dir, HEAD_FILE), "r+").catch(() => open(join(dir, HEAD_FILE), "wx+", 0o600));
  try {
    const bytes = formatHead(head);
    await file.write(bytes, 0, bytes.length, 0);
    await file.truncate(bytes.length);
    if (isDurable) await file.sync();
  } finally {
    await file.close();
  }
  if (isDurable) await syncFolder(dir);
}

/** Makes names of a folder durable. */
export async function syncFolder(dir: string): Promise<void> {
  // Windows can't open folders.
  if (process.platform === "win32") return;
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
