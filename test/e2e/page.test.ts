import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildPage } from "../../web/vite.config.ts";
import { DirectLineStandIn } from "./direct-line-stand-in.ts";

const CHROMIUM = "/usr/bin/chromium";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
const ALONE = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
] as const;

if (!existsSync(CHROMIUM)) process.stderr.write(`page: skipped, there is no ${CHROMIUM}\n`);

interface Visit {
  readonly page: Page;
  /** What should never happen: errors of the page, violations of its policy, requests to other origins. */
  readonly faults: string[];
}

describe.skipIf(!existsSync(CHROMIUM))("the page", () => {
  let dist: string;
  let browser: Browser;
  let host: DirectLineStandIn;
  const visits: Visit[] = [];

  beforeAll(async () => {
    dist = mkdtempSync(join(tmpdir(), "greentic-page-"));
    await buildPage(dist);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...QUIET, ...ALONE] });
  });
  afterAll(async () => {
    await browser.close();
    rmSync(dist, { recursive: true });
  });
  beforeEach(async () => {
    host = new DirectLineStandIn(dist);
    await host.start();
  });
  afterEach(async () => {
    const faults = visits.flatMap((visit) => visit.faults);
    await Promise.all(visits.splice(0).map((visit) => visit.page.context().close()));
    await host.kill();
    expect(faults).toEqual([]);
  });

  async function visit(query = "", options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: SIZES[1], locale: "en-GB", ...options });
    const page = await context.newPage();
    const faults: string[] = [];
    visits.push({ page, faults });
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => /security policy|Refused to/i.test(message.text()) && faults.push(message.text()));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== "data:" && origin !== new URL(host.url).origin) faults.push(`asked ${request.url()}`);
    });
    await page.goto(host.url + query);
    await page.getByRole("button", { name: "What's the weather?" }).or(page.locator(".notice")).first().waitFor();
    return page;
  }
  const say = async (page: Page, text: string): Promise<void> => {
    await page.getByRole("textbox", { name: "Message" }).fill(text);
    await page.keyboard.press("Enter");
  };
  const hears = (page: Page, text: string | RegExp): Promise<void> =>
    page.getByRole("log").getByText(text).first().waitFor();
  const submitButton = (page: Page) => page.getByRole("button", { name: "Send me the forecast" });

  /** Runs axe in the page; evaluating isn't subject to the page's policy. */
  async function expectAccessible(page: Page): Promise<void> {
    // A sheet on its way in is see-through: what a person reads is what stands still.
    await page.evaluate(
      "Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)))",
    );
    await page.evaluate(AXE);
    const found = await page.evaluate(`axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html.slice(0, 160), failureSummary])))`);
    expect(found).toEqual([]);
  }

  describe.each(SIZES)("at $width px", (viewport) => {
    test.each(["light", "dark"] as const)(
      "holds the weather conversation, %s, and axe finds nothing",
      async (colorScheme) => {
        const page = await visit("", { viewport, colorScheme });
        await expectAccessible(page);
        await page.getByRole("button", { name: "What's the weather?" }).click();
        await hears(page, "Which city would you like");
        await page.getByText("Waiting for your answer").waitFor();
        await expectAccessible(page);
        await page.getByRole("button", { name: "Tokyo" }).click();
        await hears(page, /18 °C/);
        await page.getByRole("table").waitFor();
        await expectAccessible(page);

        await submitButton(page).click();
        await hears(page, "An address is needed");
        await page.getByLabel("Send it to").fill("ada@example.com");
        await submitButton(page).click();
        await hears(page, "ada@example.com each morning");
        expect(await submitButton(page).isDisabled()).toBe(true);
        expect(host.said.at(-1)?.value).toEqual({
          action: "subscribe",
          days: "3",
          email: "ada@example.com",
          rain: "false",
        });
        await expectAccessible(page);

        await page.getByRole("button", { name: "What the worker did" }).click();
        await page.getByText("weather_api.current").waitFor();
        await expectAccessible(page);
        await page.keyboard.press("Escape");
        await say(page, "show a file");
        await hears(page, "Report.pdf");
        await say(page, "please fail");
        await hears(page, "MCP_TOOL_TIMEOUT");
        await expectAccessible(page);
      },
    );
  });

  test("goes on after the host was killed and started again, and sends each message once", async () => {
    const page = await visit();
    await say(page, "What's the weather?");
    await hears(page, "Which city");
    await host.kill();
    await page.getByText("Connection lost. Trying again.").waitFor();
    await say(page, "Tokyo");
    await hears(page, "Sends when the connection is back");
    await expectAccessible(page);
    await host.start();
    await hears(page, /18 °C/);
    await page.getByText("Connection lost").waitFor({ state: "detached" });
    expect(host.said.map(({ text }) => text)).toEqual(["What's the weather?", "Tokyo"]);
  });

  test("repeats a POST that got no answer under the same id, so that the host knows it", async () => {
    const page = await visit();
    host.swallow = 1;
    await say(page, "Weather in Tokyo");
    await hears(page, /18 °C/);
    await expect.poll(() => host.repeated).toBe(1);
    expect(host.said).toHaveLength(1);
    expect(await page.getByRole("log").getByText("Weather in Tokyo").count()).toBe(1);
  });

  test("keeps the conversation, what was submitted and what failed over a reload", async () => {
    const page = await visit();
    await say(page, "Jakarta");
    await page.getByLabel("Send it to").fill("ada@example.com");
    await submitButton(page).click();
    await hears(page, "each morning");
    host.refuse = 400;
    await say(page, "not today");
    await hears(page, "GATEWAY_ACTIVITY_REFUSED");
    await page.reload();
    await hears(page, "each morning");
    await submitButton(page).waitFor();
    expect(await page.getByLabel("Send it to").inputValue()).toBe("ada@example.com");
    expect(await submitButton(page).isDisabled()).toBe(true);
    host.refuse = 0;
    await page.getByRole("button", { name: "Retry" }).click();
    await hears(page, "Which city");
    expect(host.said.map(({ text }) => text)).toEqual(["Jakarta", undefined, "not today"]);
  });

  test("switches language and direction in the middle of a conversation", async () => {
    const page = await visit();
    await say(page, "Amsterdam");
    await hears(page, /18 °C/);
    await page.getByRole("combobox", { name: "Language" }).selectOption("es");
    await page.getByRole("textbox", { name: "Mensaje" }).waitFor();
    await page.getByRole("heading", { name: "El tiempo", level: 1 }).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("es");
    await page.getByRole("textbox", { name: "Mensaje" }).fill("Tokyo");
    await page.keyboard.press("Enter");
    await expect.poll(() => host.said.at(-1)?.locale).toBe("es");
    await page.reload();
    await page.getByRole("textbox", { name: "Mensaje" }).waitFor();
    await hears(page, /18 °C/);
    await page.getByRole("combobox", { name: "Idioma" }).selectOption("ar");
    expect(await page.locator("html").getAttribute("dir")).toBe("rtl");
    await expectAccessible(page);
  });

  test("can be used with the keyboard alone", async () => {
    const page = await visit();
    const field = page.getByRole("textbox", { name: "Message" });
    const focused = (): Promise<unknown> =>
      page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent");
    expect(await focused()).toBe("Message");
    await page.keyboard.type("What's the");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("weather?");
    await page.keyboard.press("Enter");
    await hears(page, "Which city");
    expect(host.said.at(-1)?.text).toBe("What's the\nweather?");
    await page.keyboard.press("ArrowUp");
    expect(await field.inputValue()).toBe("");
    await page.keyboard.press("Shift+Tab");
    expect(await focused()).toBe("Attach files");
    await page.keyboard.press("Shift+Tab");
    expect(await focused()).toBe("Jakarta");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.press("Enter");
    await hears(page, /18 °C in Jakarta/);
    expect(await focused()).toBe("Message");
    await page.getByRole("button", { name: "What the worker did" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("weather_api.current").waitFor();
    await page.keyboard.press("Escape");
    expect(await focused()).toBe("What the worker did");
  });

  test.each([
    { width: 320, height: 640 },
    { width: 640, height: 400 },
  ])("scrolls in one direction only at $width px", async (viewport) => {
    const page = await visit("", { viewport });
    await say(page, `${"Donaudampfschifffahrtsgesellschaft".repeat(6)} Tokyo`);
    await submitButton(page).waitFor();
    await say(page, "show a file");
    await hears(page, "Report.pdf");
    const overflow = await page.evaluate(
      `[document.documentElement, ...document.querySelectorAll(".log, .composer, .header, .card")]
        .filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => element.outerHTML.slice(0, 80))`,
    );
    expect(overflow).toEqual([]);
    await expectAccessible(page);
  });

  test("stays with the newest message unless scrolled away from it, and offers the way back", async () => {
    const page = await visit();
    const fromEnd = (): Promise<number> =>
      page.locator(".log").evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
    await say(page, "Tokyo");
    await submitButton(page).waitFor();
    await expect.poll(fromEnd).toBeLessThan(2);
    await say(page, "a long answer");
    await hears(page, "Line 30 of");
    await expect.poll(fromEnd).toBeLessThan(2);
    await page.getByRole("log").hover();
    await page.mouse.wheel(0, -900);
    await expect.poll(fromEnd).toBeGreaterThan(500);
    host.announce("One more thing.");
    await page.getByRole("button", { name: "New messages" }).click();
    await expect.poll(fromEnd).toBeLessThan(2);
    await hears(page, "One more thing.");
  });

  test("moves nothing for those who asked for no motion", async () => {
    const page = await visit("", { reducedMotion: "reduce" });
    await say(page, "think");
    await page.locator(".typing").waitFor();
    expect(await page.evaluate("document.getAnimations().length")).toBe(0);
  });

  test("polls where the host hands out no stream", async () => {
    await host.kill();
    host = new DirectLineStandIn(dist, { polling: true });
    await host.start();
    const page = await visit();
    await say(page, "Tokyo");
    await hears(page, /18 °C/);
  });

  test("says that a conversation has ended, has expired or can't be had, and begins anew", async () => {
    const page = await visit();
    await say(page, "bye");
    await hears(page, "This conversation has ended");
    await expectAccessible(page);
    await page.getByRole("button", { name: "Start again" }).click();
    await page.getByRole("button", { name: "Forecast for Tokyo" }).click();
    await hears(page, /18 °C/);
    host.forget();
    await host.kill();
    await host.start();
    await hears(page, "This conversation has expired");
    const stranger = await visit("?tenant=nobody");
    await hears(stranger, "GATEWAY_TENANT_UNKNOWN");
    await expectAccessible(stranger);
  });

  test("shows no steps and opens no second socket outside dev", async () => {
    await host.kill();
    host = new DirectLineStandIn(dist, { dev: false });
    await host.start();
    const page = await visit();
    await say(page, "Tokyo");
    await hears(page, /18 °C/);
    expect(await page.getByRole("button", { name: "What the worker did" }).count()).toBe(0);
  });

  test("keeps a tenant's accent readable in both schemes", async () => {
    await host.kill();
    host = new DirectLineStandIn(dist, { accent: "#ffe14d" });
    await host.start();
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await visit("", { colorScheme });
      await say(page, "What's the weather?");
      await page.getByRole("button", { name: "Tokyo" }).waitFor();
      await expectAccessible(page);
    }
  });

  describe("embedded in another site", () => {
    let site: Server;
    afterEach(() => site.close());

    test("opens from a launcher in a panel, and closes with Escape", async () => {
      site = createServer((_request, response) => {
        response.writeHead(200, {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": `default-src 'none'; script-src ${host.url}; frame-src ${host.url}`,
        });
        response.end(
          `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1><script src="${host.url}webchat.js" data-tenant="demo" data-locale="ja" data-theme="dark" data-greeting="いらっしゃいませ"></script>`,
        );
      });
      const { promise, resolve: listening } = Promise.withResolvers<void>();
      site.listen(0, "127.0.0.1", listening);
      await promise;
      const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
      host.embedders = [origin];
      const context = await browser.newContext({ viewport: SIZES[1] });
      const page = await context.newPage();
      const refused: string[] = [];
      visits.push({ page, faults: refused });
      page.on(
        "console",
        (message) => /security policy|Refused to/i.test(message.text()) && refused.push(message.text()),
      );
      await page.goto(origin);
      const opener = page.getByRole("button", { name: "チャット" });
      await opener.click();
      const frame = page.frameLocator("iframe");
      await frame.getByText("いらっしゃいませ").waitFor();
      await frame.getByRole("textbox", { name: "メッセージ" }).fill("Tokyo");
      await page.keyboard.press("Enter");
      await frame.getByText(/18 °C/).waitFor();
      await page.keyboard.press("Escape");
      await page.locator("iframe").waitFor({ state: "hidden" });
      expect(await opener.getAttribute("aria-expanded")).toBe("false");
    });
  });
});
