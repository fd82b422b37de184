/** Microsoft's Web Chat and its Direct Line client in Chromium, on a site of another origin than the real host's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPeers, peerFile } from "../peers/load-peer.ts";
import { verifies } from "../verifies.ts";
import { hasBrowser, launchBrowser, screenshotDir } from "./browser.ts";
import { serveSite, startWeatherHost } from "./weather-host.ts";
import type { ForeignSite, WeatherHost } from "./weather-host.ts";

if (!hasBrowser) process.stderr.write("webchat-peers: skipped, there is no browser\n");

const SCRIPTS: Readonly<Record<string, string>> = {
  "/webchat.js": "botframework-webchat/dist/webchat.js",
  "/directline.js": "botframework-directlinejs/dist/directline.js",
};

describe.skipIf(!hasBrowser || !hasPeers)("on a site of somebody else's", () => {
  let host: WeatherHost;
  let site: ForeignSite;
  let stranger: ForeignSite;
  let browser: Browser;
  const shots = screenshotDir();

  beforeAll(async () => {
    const serve = (): Promise<ForeignSite> =>
      serveSite((path, response) => {
        const script = SCRIPTS[path];
        response.setHeader("content-type", script === undefined ? "text/html" : "text/javascript");
        if (script !== undefined) response.end(readFileSync(peerFile(script)));
        else
          response.end(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title><style>html,body,#chat{height:100%;margin:0}</style><div id="chat"></div>',
          );
      });
    [site, stranger] = await Promise.all([serve(), serve()]);
    host = await startWeatherHost({ webchat: { autostart: true, trusted_origins: [site.origin] } });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([host, site, stranger].map((one) => one[Symbol.asyncDispose]()));
  });

  async function visit({ origin }: ForeignSite, script: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 480, height: 800 }, locale: "en-GB" });
    const page = await context.newPage();
    await page.goto(origin);
    await page.addScriptTag({ url: `${origin}${script}` });
    return page;
  }
  /** Asks for a token as the site's own script does. */
  const TOKEN = (): string =>
    `fetch(${JSON.stringify(`${host.directLine}/tokens/generate`)}, { method: "POST" }).then((answer) => answer.json()).then(({ token }) => token)`;

  test(
    "Web Chat is greeted, asks, shows the card and submits it, and goes on after the host died",
    { timeout: 120_000 },
    async () => {
      verifies("channels.direct-line.clients");
      const page = await visit(site, "/webchat.js");
      await page.evaluate(`${TOKEN()}.then((token) => {
      const directLine = WebChat.createDirectLine({ token, domain: ${JSON.stringify(host.directLine)}, timeout: 2000 });
      WebChat.renderWebChat({ directLine, locale: "en-US" }, document.querySelector("#chat"));
    })`);
      const field = page.getByRole("textbox").last();
      const say = async (text: string): Promise<void> => {
        await field.fill(text);
        await page.keyboard.press("Enter");
      };
      // It says everything again to screen readers, elsewhere.
      const asked = page.locator(".webchat__bubble", { hasText: "Which city?" });
      const suggested = page.getByRole("toolbar", { name: "Suggested actions" });
      await asked.first().waitFor();
      await say("Jakarta");
      await suggested.getByRole("button", { name: "tomorrow" }).click();
      await page.locator(".ac-adaptiveCard").waitFor();
      await page.screenshot({ path: join(shots, "peer-webchat-card.png") });
      await page.locator(".ac-adaptiveCard").getByRole("button", { name: "Another city" }).click();
      await asked.nth(1).waitFor();
      await host.kill();
      await host.start();
      await say("Madrid");
      await suggested.getByRole("button", { name: "today" }).click({ timeout: 60_000 });
      await page.locator(".ac-adaptiveCard").nth(1).waitFor();
      expect(await page.locator(".ac-adaptiveCard").count()).toBe(2);
      expect(await asked.count()).toBe(2);
      await page.screenshot({ path: join(shots, "peer-webchat-again.png") });
      await page.context().close();
    },
  );

  test.each([[true], [false]])(
    "the Direct Line client hears its greeting and an answer (stream: %s)",
    async (webSocket) => {
      const page = await visit(site, "/directline.js");
      const texts = await page.evaluate(`${TOKEN()}.then((token) => new Promise((heard) => {
      const domain = ${JSON.stringify(host.directLine)};
      const options = { token, domain, webSocket: ${String(webSocket)}, pollingInterval: 200 };
      const client = new DirectLine.DirectLine({ ...options, conversationStartProperties: { locale: "es" } });
      const texts = [];
      client.activity$.subscribe(({ type, text, from }) => {
        if (type !== "message" || from.role !== "bot") return;
        texts.push(text);
        if (texts.length === 1) client.postActivity({ type: "message", text: "Madrid", from: { id: "ada" } }).subscribe();
        else heard(texts);
      });
    }))`);
      expect(texts).toEqual([expect.stringContaining("ciudad"), expect.stringContaining("día")]);
      await page.context().close();
    },
  );

  test("a site that nobody trusts gets no token, uses nobody else's and opens no stream", async () => {
    verifies("channels.webchat.origin");
    const trusted = await visit(site, "/directline.js");
    const opened = (await trusted.evaluate(`${TOKEN()}.then((token) =>
      fetch(${JSON.stringify(`${host.directLine}/conversations`)}, { method: "POST", headers: { authorization: "Bearer " + token } })
        .then((answer) => answer.json()))`)) as { token: string; conversationId: string; streamUrl: string };
    const page = await visit(stranger, "/directline.js");
    const attempt = (script: string): Promise<unknown> =>
      page.evaluate(`${script}.then(() => "got in", () => "kept out")`);
    expect(await attempt(TOKEN())).toBe("kept out");
    const activities = JSON.stringify(`${host.directLine}/conversations/${opened.conversationId}/activities`);
    const bearer = JSON.stringify(`Bearer ${opened.token}`);
    expect(await attempt(`fetch(${activities}, { headers: { authorization: ${bearer} } })`)).toBe("kept out");
    const stream = `new Promise((open, refused) => Object.assign(new WebSocket(${JSON.stringify(opened.streamUrl)}), { onopen: open, onerror: refused }))`;
    expect(await attempt(stream)).toBe("kept out");
    // What the stranger took is spent: a stream's address works once, whoever used it.
    expect(await trusted.evaluate(`${stream}.then(() => "got in", () => "kept out")`)).toBe("kept out");
    const fresh = `fetch(${JSON.stringify(`${host.directLine}/conversations/${opened.conversationId}`)}, { headers: { authorization: ${bearer} } })
      .then((answer) => answer.json())
      .then(({ streamUrl }) => new Promise((open, refused) => Object.assign(new WebSocket(streamUrl), { onopen: open, onerror: refused })))`;
    expect(await trusted.evaluate(`${fresh}.then(() => "got in", () => "kept out")`)).toBe("got in");
    await Promise.all([trusted.context().close(), page.context().close()]);
  });
});
