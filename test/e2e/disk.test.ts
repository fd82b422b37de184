import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { verifies } from "../verifies.ts";

const root = join(import.meta.dirname, "..", "..");
const dir = mkdtempSync(join(tmpdir(), "greentic-disk-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("gtc start ends with code 5 when a flush of its store fails", { timeout: 60_000 }, async () => {
  verifies("session.disk-failed");
  const hook = `${pathToFileURL(join(root, "src/session/sqlite-disk.hook.ts")).href}?${encodeURIComponent("COMMIT@3")}`;
  const args = ["--import", hook, join(root, "src/cli/main.ts"), "start", "--data", join(dir, "data"), "--port", "0"];
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => void (said += chunk));
  const code = await new Promise((resolve) => void child.once("close", resolve));
  expect(said).toContain("error[STORE_DISK_FAILED]");
  expect(code).toBe(5);
});
