import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { makeChannelBundle } from "./channel-bundle.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { openShell } from "./shell.ts";

const CHROMIUM = "/usr/bin/chromium";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = process.env["GREENTIC_SHOTS_DIR"];
const FLOW = `id: on_message
type: messaging
schema_version: 2
start: echo
nodes:
  echo:
    message.send: { text: "Got {{in.attachments.length}}", attachments: "{{in.attachments}}" }
    routing: out
`;
/** A picture of 120 × 120 pixels. */
function drawPicture(): Buffer {
  const size = 120;
  const rows = Array.from({ length: size }, (_r, y) =>
    Buffer.from([0, ...Array.from({ length: size }, (_p, x) => [x * 2, y * 2, 160]).flat()]),
  );
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const length = Buffer.alloc(4);
    const sum = Buffer.alloc(4);
    length.writeUInt32BE(data.byteLength);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.from([0, 0, 0, size, 0, 0, 0, size, 8, 2, 0, 0, 0]);
  const start = Buffer.from("89504e470d0a1a0a", "hex");
  return Buffer.concat([
    start,
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(Buffer.concat(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const PNG = drawPicture();

describe.skipIf(!existsSync(CHROMIUM))("files on the page, over a real host", () => {
  let dir: string;
  let host: HostProcess;
  let browser: Browser;
  beforeAll(async () => {
    dir = await makeChannelBundle({ flow: FLOW, providers: "  webchat: { type: webchat }\n", secrets: {} });
    host = await startHostProcess(dir, { args: ["--port", "0", "--data", join(dir, "data")], cwd: dir });
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--headless", "--no-sandbox", "--disable-gpu"],
    });
  });
  afterAll(async () => {
    await browser.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function visit(colorScheme: "light" | "dark"): Promise<{ page: Page; faults: string[] }> {
    const context = await browser.newContext({ viewport: { width: 900, height: 760 }, locale: "en-GB", colorScheme });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => /security policy|Refused to/i.test(message.text()) && faults.push(message.text()));
    await page.goto(host.url);
    await page.getByRole("textbox", { name: "Message" }).waitFor();
    return { page, faults };
  }

  test.each(["light", "dark"] as const)("a person sends files and gets them back, %s", async (colorScheme) => {
    verifies("attachments.page");
    const { page, faults } = await visit(colorScheme);
    const choose = page.locator("input[type=file]");
    await choose.setInputFiles([
      { name: "chart.png", mimeType: "image/png", buffer: PNG },
      { name: "orders.csv", mimeType: "text/csv", buffer: Buffer.from("a,b\n1,2\n") },
      { name: "setup.exe", mimeType: "application/octet-stream", buffer: Buffer.from("MZ\u0000") },
      { name: "mistake.txt", mimeType: "text/plain", buffer: Buffer.from("no") },
    ]);
    await page.getByRole("button", { name: "Remove mistake.txt" }).click();
    await page.getByRole("textbox", { name: "Message" }).fill("Three files");
    if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `files-chosen-${colorScheme}.png`) });
    await page.evaluate(AXE);
    const violations = (): Promise<unknown> =>
      page.evaluate(
        `axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 120))]))`,
      );
    expect(await violations()).toEqual([]);
    await page.keyboard.press("Enter");
    await page.getByRole("log").getByText("Got 3").waitFor();
    const pictures = page.getByRole("log").getByRole("img", { name: "chart.png" });
    await expect.poll(() => pictures.count()).toBe(2);
    for (const picture of await pictures.all()) {
      await picture.scrollIntoViewIfNeeded();
      await expect
        .poll(() => picture.evaluate((node) => (node as unknown as { naturalWidth: number }).naturalWidth))
        .toBe(120);
    }
    expect(await page.getByText("wasn't taken").count()).toBe(2);
    const link = page
      .getByRole("log")
      .getByRole("link", { name: /orders\.csv/ })
      .last();
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    expect(download.suggestedFilename()).toBe("orders.csv");
    expect(readFileSync(await download.path(), "utf8")).toBe("a,b\n1,2\n");
    expect(await violations()).toEqual([]);
    if (SHOTS !== undefined)
      await page.screenshot({ path: join(SHOTS, `files-said-${colorScheme}.png`), fullPage: true });
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("are gone once their people are erased", async () => {
    verifies("attachments.erase");
    await host.stop();
    const kept = (): string[] =>
      readdirSync(join(dir, "data/files"), { recursive: true, withFileTypes: true }).flatMap((entry) =>
        entry.isFile() ? [entry.name] : [],
      );
    expect(kept()).toHaveLength(4);
    const shell = openShell();
    const said = await shell.run(`gtc session erase --tenant demo --data ${join(dir, "data")} --yes --json`);
    expect([said.code, JSON.parse(said.stdout)]).toMatchObject([0, { files: 2, sessions: 2 }]);
    expect(kept()).toEqual([]);
  });
});
