import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { sessionStoreContract } from "../../conformance/session-store.ts";
import { openSqliteStore } from "./index.ts";
import type { SessionStore } from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "greentic-store-"));
afterAll(() => rmSync(root, { recursive: true }));
const newDir = (): string => mkdtempSync(join(root, "store-"));
const dirs = new WeakMap<SessionStore, string>();

sessionStoreContract("sqlite", {
  async open(world) {
    const dir = newDir();
    const store = await openSqliteStore({ dir, world });
    dirs.set(store, dir);
    return store;
  },
  // A copy of the files while the store is open is what a process that was killed leaves behind.
  async crash(store, world) {
    const dir = newDir();
    cpSync(dirs.get(store) ?? "", dir, { recursive: true });
    const reopened = await openSqliteStore({ dir, world });
    dirs.set(reopened, dir);
    return reopened;
  },
});
