import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { chromium } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Whether this machine has a browser; what needs one skips where it hasn't. */
export const hasBrowser: boolean = existsSync(CHROMIUM);

/** Starts the browser. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

/** Where screenshots go, to be looked at: GREENTIC_SCREENSHOTS, else a directory of this run. */
export function screenshotDir(): string {
  const dir = process.env["GREENTIC_SCREENSHOTS"] ?? mkdtempSync(join(tmpdir(), "greentic-shots-"));
  mkdirSync(dir, { recursive: true });
  return dir;
}
