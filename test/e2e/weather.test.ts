import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import { startOpenMeteoStandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import { verifies } from "../verifies.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";

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
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Where screenshots go, to be looked at: GREENTIC_SCREENSHOTS, else a directory of this run. */
const SHOTS = process.env["GREENTIC_SCREENSHOTS"] ?? mkdtempSync(join(tmpdir(), "greentic-shots-"));

if (!existsSync(CHROMIUM)) process.stderr.write(`weather: skipped, there is no ${CHROMIUM}\n`);

describe.skipIf(!existsSync(CHROMIUM))("the weather demo in a browser, on the real host", () => {
  let meteo: StandIn;
  let host: HostProcess;
  let browser: Browser;
  const data = mkdtempSync(join(tmpdir(), "greentic-weather-"));
  const start = (port: string): Promise<HostProcess> =>
    startHostProcess("examples/weather-demo", {
      args: ["--port", port, "--data", data],
      env: {
        GREENTIC_HTTP_REWRITE: ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"]
          .map((origin) => `${origin}=${meteo.url}`)
          .join(","),
      },
    });

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    meteo = await startOpenMeteoStandIn();
    host = await start("0");
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });
  afterAll(async () => {
    await browser.close();
    await host.stop();
    await meteo[Symbol.asyncDispose]();
  });

  const hears = (page: Page, text: string | RegExp): Promise<void> =>
    page.getByRole("log").getByText(text).first().waitFor();
  const say = async (page: Page, text: string): Promise<void> => {
    await page.locator("textarea").fill(text);
    await page.keyboard.press("Enter");
  };

  test.each([
    ["phone", 390, 844, "light"],
    ["desktop", 1280, 800, "dark"],
  ] as const)(
    "a person asks, answers twice and gets one card (%s)",
    { timeout: 90_000 },
    async (name, width, height, colorScheme) => {
      verifies(
        "channels.webchat",
        "gateway.router",
        "message.execute",
        "demo.starts-session",
        "demo.asks",
        "demo.tool",
        "demo.template",
        "concept.node.kinds",
        "engine.nodes",
        "tools.toolmap",
        "response.template",
        "response.send",
        "examples.weather",
        "concept.tool",
      );
      const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale: "en-GB" });
      const page = await context.newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      page.on(
        "console",
        (message) => /security policy|Refused to/i.test(message.text()) && faults.push(message.text()),
      );
      page.on(
        "request",
        (request) =>
          !request.url().startsWith(host.url) && !request.url().startsWith("data:") && faults.push(request.url()),
      );
      await page.goto(host.url);
      await page.locator("textarea").waitFor();
      await page.screenshot({ path: join(SHOTS, `${name}-empty.png`) });
      await say(page, "/weather");
      await hears(page, "Which city?");
      await say(page, "Jakarta");
      await hears(page, /Which day\?/);
      await page.screenshot({ path: join(SHOTS, `${name}-waiting.png`) });
      await page.getByRole("button", { name: "tomorrow" }).click();
      await page.locator(".ac-adaptiveCard").waitFor();
      await page.screenshot({ path: join(SHOTS, `${name}-forecast.png`) });
      expect(await page.locator(".ac-adaptiveCard").count()).toBe(1);

      await page.evaluate(AXE);
      const problems = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
        };
        return (await axe.run()).violations.map((violation) => `${violation.id}: ${violation.nodes[0]?.html ?? ""}`);
      });
      expect(problems).toEqual([]);

      // The card's button starts again; the host dies and comes back, and the conversation goes on where it was.
      await page.getByRole("button", { name: "Another city" }).click();
      await page.getByText("Which city?").nth(1).waitFor();
      const port = new URL(host.url).port;
      await host.kill();
      host = await start(port);
      await say(page, "Madrid");
      await page
        .getByText(/Which day\?/)
        .nth(1)
        .waitFor({ timeout: 60_000 });
      await say(page, "today");
      await page.locator(".ac-adaptiveCard").nth(1).waitFor();
      await page.screenshot({ path: join(SHOTS, `${name}-again.png`) });
      expect(await page.locator(".ac-adaptiveCard").count()).toBe(2);
      expect(faults).toEqual([]);
      await context.close();
    },
  );

  test("the page speaks the person's language", async () => {
    verifies("pack.assets.i18n");
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: "ja-JP" });
    const page = await context.newPage();
    await page.goto(host.url);
    await say(page, "/weather");
    await hears(page, "どの都市の天気ですか？");
    await context.close();
  });
});
