/** The embedding script on a site of another origin, on the real host: `docs/channels.md`, On a site of yours. */
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { hasBrowser, launchBrowser, screenshotDir } from "./browser.ts";
import { ROOT } from "./shell.ts";
import { serveSite, startWeatherHost } from "./weather-host.ts";
import type { ForeignSite, WeatherHost } from "./weather-host.ts";

if (!hasBrowser) process.stderr.write("embed: skipped, there is no browser\n");

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DESKTOP = { width: 1280, height: 800 } as const;
const PHONE = { width: 390, height: 844 } as const;
/** The line of the documents, for this host and tenant. */
const LINE = /^<script src="https:\/\/chat\.example\.com\/webchat\.js" data-tenant="acme"><\/script>$/m.exec(
  readFileSync(join(ROOT, "docs/channels.md"), "utf8"),
)?.[0];

describe.skipIf(!hasBrowser)("the embedding script", () => {
  let host: WeatherHost;
  let site: ForeignSite;
  let stranger: ForeignSite;
  let browser: Browser;
  const shots = screenshotDir();

  beforeAll(async () => {
    const serve = (): Promise<ForeignSite> =>
      serveSite((path, response) => {
        const { searchParams } = new URL(path, "http://site");
        response.writeHead(200, {
          "content-type": "text/html; charset=utf-8",
          // What the documents ask of a site with a policy, and nothing else.
          "content-security-policy": `default-src 'none'; style-src 'unsafe-inline'; script-src ${host.url}; frame-src ${host.url}`,
        });
        response.end(shop(searchParams.get("lang") ?? "en", searchParams.get("attributes") ?? ""));
      });
    [site, stranger] = await Promise.all([serve(), serve()]);
    host = await startWeatherHost({ webchat: { autostart: true, trusted_origins: [site.origin] } });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([host, site, stranger].map((one) => one[Symbol.asyncDispose]()));
  });

  /** A shop with the line in it. */
  function shop(lang: string, attributes: string, at = host.url): string {
    const line = (LINE ?? "").replace("https://chat.example.com", at).replace('"acme"', `"demo" ${attributes}`);
    const goods = ["Umbrellas", "Rain coats", "Sun hats", "Boots", "Scarves", "Maps"]
      .map((name) => `<li><h2>${name}</h2><p>For every weather, and for none.</p></li>`)
      .join("");
    return `<!doctype html><html lang="${lang}" dir="${lang === "ar" ? "rtl" : "ltr"}"><meta name="viewport" content="width=device-width">
      <title>Shop</title><style>
        :root { color-scheme: light dark; } body { margin: 0; font: 16px/1.5 Georgia, serif; }
        header, ul { max-width: 60rem; margin: auto; padding: 24px; } header { border-bottom: 1px solid #8886; }
        ul { display: grid; gap: 16px; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); list-style: none; }
        li { border: 1px solid #8886; padding: 16px; } h2, p { margin: 0; }
      </style><header><h1>Weather and sons</h1><a href="#goods">Goods</a></header><ul id="goods">${goods}</ul>${line}</html>`;
  }

  async function visit(
    options: BrowserContextOptions & {
      readonly at?: ForeignSite;
      readonly lang?: string;
      readonly attributes?: string;
    } = {},
  ): Promise<{ readonly page: Page; readonly faults: string[] }> {
    const { at = site, lang = "en", attributes = "", ...context } = options;
    const page = await (await browser.newContext({ viewport: DESKTOP, locale: "en-GB", ...context })).newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => /security policy|Refused to/i.test(message.text()) && faults.push(message.text()));
    await page.goto(`${at.origin}/?${new URLSearchParams({ lang, attributes }).toString()}`);
    return { page, faults };
  }
  const frameOf = (page: Page) => page.frameLocator("iframe");
  const hears = (page: Page, text: string | RegExp): Promise<void> =>
    frameOf(page).getByRole("log").getByText(text).first().waitFor();

  test.each([
    ["desktop", "light", DESKTOP],
    ["desktop", "dark", DESKTOP],
    ["phone", "light", PHONE],
    ["phone", "dark", PHONE],
  ] as const)("holds the weather conversation (%s, %s)", { timeout: 60_000 }, async (name, colorScheme, viewport) => {
    verifies("channels.webchat.embed", "channels.webchat.autostart");
    expect(LINE).toBeDefined();
    const isPhone = name === "phone";
    const { page, faults } = await visit({ viewport, colorScheme, hasTouch: isPhone, isMobile: isPhone });
    const shoot = async (state: string): Promise<void> =>
      void (await page.screenshot({ path: join(shots, `embed-${name}-${colorScheme}-${state}.png`) }));
    /** What axe finds wrong in the launcher and its panel, the frame's page too. */
    const expectAccessible = async (): Promise<void> => {
      for (const frame of page.frames()) await frame.evaluate(AXE);
      const found = await page.evaluate(`axe.run("greentic-webchat", { resultTypes: ["violations"] })
        .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => [id, html.slice(0, 160)])))`);
      expect(found).toEqual([]);
    };
    await shoot("closed");
    await expectAccessible();
    await page.getByRole("button", { name: "Chat" }).click();
    await hears(page, "Which city?");
    await shoot("greeted");
    await frameOf(page).getByRole("textbox", { name: "Message" }).fill("Jakarta");
    await page.keyboard.press("Enter");
    await frameOf(page).getByRole("button", { name: "tomorrow" }).click();
    await frameOf(page).locator(".ac-adaptiveCard").waitFor();
    await shoot("card");
    await expectAccessible();
    await frameOf(page).getByRole("button", { name: "Another city" }).click();
    await expect.poll(() => frameOf(page).getByRole("log").getByText("Which city?").count()).toBe(2);
    await frameOf(page).getByRole("button", { name: "Close" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("is opened, used and left with the keyboard, and gives the focus back", async () => {
    const { page, faults } = await visit();
    const launcher = page.getByRole("button", { name: "Chat" });
    await launcher.focus();
    await page.keyboard.press("Enter");
    await hears(page, "Which city?");
    await page.keyboard.type("Jakarta");
    await page.keyboard.press("Enter");
    await hears(page, /Which day/);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(await launcher.getAttribute("aria-expanded")).toBe("false");
    expect(await page.evaluate("document.activeElement.shadowRoot?.activeElement?.className")).toBe("launcher");
    // Closing hides, it doesn't end: the same conversation is there again.
    await page.keyboard.press("Enter");
    await hears(page, /Which day/);
    expect(await frameOf(page).getByRole("log").getByText("Which city?").count()).toBe(1);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("speaks the site's language, stands on the side that it is told to, and shows what came while it was closed", async () => {
    const { page } = await visit({
      lang: "es",
      attributes: 'data-position="left" data-autostart="true" data-accent="#7a1fa2" data-theme="dark"',
    });
    const launcher = page.getByRole("button", { name: "Chat" });
    await expect.poll(() => launcher.getAttribute("class")).toBe("launcher has-news");
    expect(await page.getByRole("status").textContent()).toBe("Chat: mensaje nuevo");
    expect(await page.evaluate("document.activeElement.localName")).toBe("body");
    expect((await launcher.boundingBox())?.x).toBe(20);
    await page.screenshot({ path: join(shots, "embed-left-news.png") });
    await launcher.click();
    await hears(page, "ciudad");
    expect((await page.getByRole("dialog").boundingBox())?.x).toBe(20);
    await page.screenshot({ path: join(shots, "embed-left-open.png") });
    await page.context().close();
  });

  test("follows right-to-left sites to the left, and opens by itself where asked, without taking the focus", async () => {
    const { page } = await visit({ lang: "ar", attributes: 'data-open="true" data-label="Weather"' });
    await hears(page, "Which city?");
    expect((await page.getByRole("button", { name: "Weather" }).boundingBox())?.x).toBe(20);
    expect(await page.evaluate("document.activeElement.localName")).toBe("body");
    await page.screenshot({ path: join(shots, "embed-rtl-open.png") });
    const phone = await visit({ viewport: PHONE, attributes: 'data-open="true"' });
    expect(await phone.page.getByRole("dialog").isVisible()).toBe(false);
    await Promise.all([page, phone.page].map((one) => one.context().close()));
  });

  test("shows nothing on a site that nobody trusts", async () => {
    verifies("channels.webchat.embed", "channels.webchat.origin");
    const { page, faults } = await visit({ at: stranger });
    await page.getByRole("button", { name: "Chat" }).click();
    await expect.poll(() => faults.join()).toContain("frame-ancestors");
    expect(await frameOf(page).getByRole("textbox").count()).toBe(0);
    await page.context().close();
  });

  describe("where the site's server says who may talk", () => {
    const SECRET = "site-secret-0123456789";
    let closed: WeatherHost;
    let club: ForeignSite;

    beforeAll(async () => {
      club = await serveSite((path, response, cookie) => {
        const html = { "content-type": "text/html; charset=utf-8" };
        if (path === "/chat-token") void answerToken(cookie, response);
        else response.writeHead(200, html).end(shop("en", 'data-token-url="/chat-token"', closed.url));
      });
      closed = await startWeatherHost({
        webchat: { autostart: true, anonymous: false, trusted_origins: [club.origin] },
        secret: SECRET,
      });
    });
    afterAll(() => Promise.all([closed, club].map((one) => one[Symbol.asyncDispose]())));

    /** The site's server as the documents say: it asks the host for a token of whoever is signed in. */
    async function answerToken(cookie: string | undefined, response: ServerResponse): Promise<void> {
      const [, member] = /^member=(\w+)$/.exec(cookie ?? "") ?? [];
      if (member === undefined || member === "nobody") {
        response.writeHead(member === undefined ? 401 : 200).end("{}");
        return;
      }
      const answer = await fetch(`${closed.directLine}/tokens/generate`, {
        method: "POST",
        headers: { authorization: `Bearer ${SECRET}`, "content-type": "application/json" },
        body: JSON.stringify({ user: { id: `dl_${member}` }, trustedOrigins: [closed.url] }),
      });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
    }
    async function comeBackAs(page: Page, member: string): Promise<void> {
      await page.context().addCookies([{ name: "member", value: member, url: club.origin }]);
      await page.goto(club.origin);
      await page.getByRole("button", { name: "Chat" }).click();
    }
    const said = (page: Page, text: string | RegExp): Promise<number> =>
      frameOf(page).getByRole("log").getByText(text).count();

    test("talks with members, goes on where they were, and shows nobody what another said", async () => {
      verifies("channels.webchat.site-token");
      const page = await (await browser.newContext({ viewport: DESKTOP, locale: "en-GB" })).newPage();
      await comeBackAs(page, "ada");
      await hears(page, "Which city?");
      await frameOf(page).getByRole("textbox", { name: "Message" }).fill("Jakarta");
      await page.keyboard.press("Enter");
      await hears(page, /Which day/);
      await comeBackAs(page, "ada");
      await hears(page, /Which day/);
      expect(await said(page, "Jakarta")).toBeGreaterThan(0);
      await comeBackAs(page, "bob");
      await hears(page, "Which city?");
      expect(await said(page, "Jakarta")).toBe(0);
      await page.context().close();
    });

    test("says so to whom the site gives no token, and to whoever opens the page without a site", async () => {
      verifies("channels.webchat.site-token");
      const page = await (await browser.newContext({ viewport: DESKTOP, locale: "en-GB" })).newPage();
      await page.goto(club.origin);
      await page.getByRole("button", { name: "Chat" }).click();
      await frameOf(page).getByText("Sign in first").waitFor();
      await page.screenshot({ path: join(shots, "embed-no-token.png") });
      await comeBackAs(page, "nobody");
      await frameOf(page).getByText("SITE_TOKEN_MISSING").waitFor();
      await page.goto(`${closed.url}/?tenant=demo&token=site&origin=${club.origin}`);
      await page.getByText("GATEWAY_UNAUTHENTICATED").waitFor();
      await page.context().close();
    });
  });

  test("obeys its own frame alone: others' messages open, close and mark nothing", async () => {
    const { page } = await visit();
    await page.getByRole("button", { name: "Chat" }).click();
    await hears(page, "Which city?");
    await page.evaluate("postMessage({ type: 'greentic:close' }, '*')");
    await page.evaluate(
      "dispatchEvent(new MessageEvent('message', { data: { type: 'greentic:close' }, origin: 'https://evil.example' }))",
    );
    await page.evaluate("new Promise((later) => setTimeout(later, 100))");
    expect(await page.getByRole("dialog").isVisible()).toBe(true);
    await page.context().close();
  });
});
