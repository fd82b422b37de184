import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { expect, test } from "vitest";
import { buildPack } from "../../src/pack/index.ts";
import { verifies } from "../verifies.ts";
import { CITY_FLOW, makeChannelBundle } from "./channel-bundle.ts";
import { startHostProcess } from "./host-process.ts";

const CHROMIUM = "/usr/bin/chromium";
const PAGE = `<!doctype html><meta charset="utf-8"><title>?</title><link rel="stylesheet" href="style.css"><p id="said"></p><script type="module" src="app.js"></script>`;
// What a hostile pack would try: the host's own page keeps tokens in the browser.
const SCRIPT = `let stolen;
try { stolen = localStorage.getItem("token") ?? "empty"; } catch (error) { stolen = error.name; }
document.title = "ran";
document.querySelector("#said").textContent = stolen;
`;

async function bundle(pages: string): Promise<string> {
  const dir = await makeChannelBundle({
    flow: CITY_FLOW(["Rome"]),
    providers: "  webchat: { type: webchat }\n",
    secrets: {},
  });
  mkdirSync(join(dir, "pack/assets/web"), { recursive: true });
  writeFileSync(join(dir, "pack/assets/web/index.html"), PAGE);
  writeFileSync(join(dir, "pack/assets/web/app.js"), SCRIPT);
  writeFileSync(join(dir, "pack/assets/web/style.css"), "#said { color: rgb(1, 2, 3) }");
  writeFileSync(
    join(dir, "pack/pack.toml"),
    `${readFileSync(join(dir, "pack/pack.toml"), "utf8")}[assets]\nall = "assets/"\n`,
  );
  const { bytes } = await buildPack(join(dir, "pack"), { probeComponent: () => ({ abi: "none", world: "" }) });
  writeFileSync(join(dir, "shop.gtpack"), bytes);
  const file = join(dir, "greentic.demo.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("shop.gtpack,", `shop.gtpack, pages: ${pages},`));
  return dir;
}

// Skipped, and said so by the page's own tests, where there is no browser.
test.skipIf(!existsSync(CHROMIUM)).each([
  ["sandbox", "SecurityError"],
  ["trusted", "a token"],
] as const)(
  "a pack's page runs from /v1/web, and reads the host's own storage only where it is trusted: %s",
  async (pages, expected) => {
    verifies("gateway.pages");
    const dir = await bundle(pages);
    const host = await startHostProcess(dir, {
      args: ["--port", "0", "--data", join(dir, "data"), "--store", "memory"],
    });
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--headless", "--no-sandbox", "--disable-gpu"],
    });
    try {
      const page = await browser.newPage();
      await page.goto(`${host.url}/healthz`);
      await page.evaluate(`localStorage.setItem("token", "a token")`);
      await page.goto(`${host.url}/v1/web/shop/demo`);
      expect(page.url()).toBe(`${host.url}/v1/web/shop/demo/`);
      await page.waitForFunction(`document.title === "ran"`);
      expect(await page.textContent("#said")).toBe(expected);
      expect(await page.evaluate(`getComputedStyle(document.querySelector("#said")).color`)).toBe("rgb(1, 2, 3)");
      const answer = await fetch(`${host.url}/v1/web/shop/demo/app.js`);
      expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
      const again = await fetch(`${host.url}/v1/web/shop/demo/app.js`, {
        headers: { "if-none-match": answer.headers.get("etag") ?? "" },
      });
      expect(again.status).toBe(304);
      for (const path of ["/v1/web/shop/other/", "/v1/web/none/demo/", "/v1/web/shop/demo/pack.toml"])
        expect((await fetch(host.url + path)).status).toBe(404);
    } finally {
      await browser.close();
      await host.stop();
      rmSync(dir, { recursive: true });
    }
  },
);
