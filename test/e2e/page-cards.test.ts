import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { buildPage } from "../../web/vite.config.ts";
import { hasBrowser, launchBrowser } from "./browser.ts";
import { DirectLineStandIn } from "./direct-line-stand-in.ts";

/** The page's own, where the functions below run. */
declare const window: {
  getComputedStyle: (
    element: unknown,
  ) => Record<"color" | "backgroundColor" | "borderTopColor" | "borderRadius", string>;
};
const SHOTS = process.env["GREENTIC_SCREENSHOTS"];
const picture = (name: string): object => ({
  type: "Image",
  url: `https://pictures.of-a-long-host-name.example/${encodeURIComponent(name)}.png`,
  altText: name,
});
const text = (said: string): object => ({ type: "TextBlock", text: said, wrap: true });
const column = (width: string | number, ...items: readonly object[]): object => ({ type: "Column", width, items });
const button = (_value: unknown, n: number): object => ({
  type: "Action.Submit",
  title: `Choice ${n + 1}`,
  data: { n },
});
const table = (gridStyle: string): object => ({
  type: "Table",
  gridStyle,
  columns: [{ width: 1 }],
  rows: [{ type: "TableRow", cells: [{ type: "TableCell", items: [text(gridStyle)] }] }],
});
const CARD = {
  type: "AdaptiveCard",
  version: "1.5",
  body: [
    { type: "ImageSet", images: ["First", "Second", "Third"].map(picture) },
    {
      type: "ColumnSet",
      columns: [
        column("auto", picture("Home emblem")),
        column("stretch", text("Wednesday"), text("Final")),
        column("auto", picture("Guest emblem")),
      ],
    },
    {
      type: "ColumnSet",
      columns: ["Redmond", "Bellevue", "Seattle"].map((place) =>
        column(1, {
          type: "ColumnSet",
          columns: [column("auto", picture(`Location of ${place}`)), column("auto", text(place), text("8 to 12"))],
        }),
      ),
    },
    {
      type: "Input.Text",
      id: "name",
      label: "Name",
      inlineAction: { type: "Action.Submit", title: "Look up", data: { look: "up" } },
    },
    {
      type: "ActionSet",
      actions: [
        { type: "Action.Submit", title: "Open choice" },
        { type: "Action.Submit", title: "Rare choice", mode: "secondary" },
        { type: "Action.Submit", title: "Closed choice", isEnabled: false, tooltip: "Not today" },
      ],
    },
    table("good"),
    table("attention"),
  ],
  actions: Array.from({ length: 9 }, button),
};

describe.skipIf(!hasBrowser)("cards on the page", () => {
  let dist: string;
  let browser: Browser;
  let host: DirectLineStandIn;
  beforeAll(async () => {
    dist = mkdtempSync(join(tmpdir(), "greentic-cards-"));
    await buildPage(dist);
    browser = await launchBrowser();
    host = new DirectLineStandIn(dist);
    await host.start();
  });
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
  afterAll(async () => {
    await browser.close();
    await host.kill();
    rmSync(dist, { recursive: true });
  });

  async function show(width: number, colorScheme: "light" | "dark"): Promise<Locator> {
    const context = await browser.newContext({ viewport: { width, height: 1600 }, colorScheme, locale: "en-GB" });
    const page = await context.newPage();
    // The worker's card becomes ours on its way.
    await page.routeWebSocket(/\/stream/, (socket) => {
      socket.connectToServer().onMessage((message) => {
        const set = JSON.parse(String(message) || "{}") as { activities?: { attachments?: { content: unknown }[] }[] };
        for (const { attachments = [] } of set.activities ?? []) for (const one of attachments) one.content = CARD;
        socket.send(String(message) === "" ? "" : JSON.stringify(set));
      });
    });
    await page.goto(host.url);
    await page.getByRole("textbox", { name: "Message" }).fill("Tokyo");
    await page.keyboard.press("Enter");
    const card = page.locator(".card");
    await card.getByRole("button", { name: "Choice 1" }).waitFor();
    if (SHOTS !== undefined) await card.screenshot({ path: join(SHOTS, `cards-${width}-${colorScheme}.png`) });
    return card;
  }
  /** How wide a text's column is, and how many lines its text has. */
  const look = (text: Locator): Promise<{ width: number; lines: number }> =>
    text.evaluate((element) => {
      const range = element.ownerDocument.createRange();
      range.selectNodeContents(element);
      return {
        width: element.getBoundingClientRect().width,
        lines: new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom))).size,
      };
    });

  describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
    test.each([390, 760])("leave words whole beside links for pictures, at %d px", async (width) => {
      const card = await show(width, colorScheme);
      for (const name of ["First", "Second", "Third", "Home emblem", "Guest emblem", "Location of Redmond"])
        await expect(card.getByRole("link", { name, exact: true }).getAttribute("href")).resolves.toBe(
          `https://pictures.of-a-long-host-name.example/${encodeURIComponent(name)}.png`,
        );
      for (const word of ["Wednesday", "Final", "Redmond", "Bellevue", "Seattle"])
        expect({ word, ...(await look(card.getByText(word, { exact: true }))) }).toMatchObject({ lines: 1 });
      for (const link of await card.locator(".ac-columnSet .picture-link").all())
        expect((await link.boundingBox())?.width).toBeLessThanOrEqual(88);
      expect(await card.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
    });
  });

  test("show every action of a row, and an input's as a button of the page", async () => {
    const card = await show(390, "dark");
    expect(await card.getByRole("button", { name: /^Choice/ }).allTextContents()).toEqual(
      CARD.actions.map((_action, n) => `Choice ${n + 1}`),
    );
    const looks = (one: Locator): Promise<readonly string[]> =>
      one.evaluate((element) => {
        const { color, backgroundColor, borderTopColor, borderRadius } = window.getComputedStyle(element);
        return [color, backgroundColor, borderTopColor, borderRadius];
      });
    expect(await looks(card.getByRole("button", { name: "Look up" }))).toEqual(
      await looks(card.getByRole("button", { name: "Choice 9" })),
    );
  });

  test("show a button that is switched off as one of the page's, paler", async () => {
    const card = await show(390, "light");
    const looks = (name: string): Promise<Record<string, string>> =>
      card.getByRole("button", { name, exact: true }).evaluate((element) => {
        const { borderTopColor, borderRadius, color } = window.getComputedStyle(element);
        return { borderTopColor, borderRadius, color };
      });
    const open = await looks("Open choice");
    const closed = await looks("Closed choice");
    expect({ ...closed, color: open["color"] }).toEqual(open);
    expect(closed["color"]).not.toBe(open["color"]);
    expect(await card.getByRole("button", { name: "Closed choice" }).isDisabled()).toBe(true);
  });

  test("open the menu of further actions beside its button, and send what is chosen there", async () => {
    const card = await show(390, "dark");
    const more = card.getByRole("button", { name: "More options" });
    await more.scrollIntoViewIfNeeded();
    await more.click();
    const [button, menu] = await Promise.all([more.boundingBox(), card.page().getByRole("menu").boundingBox()]);
    expect(menu?.x).toBeGreaterThanOrEqual(0);
    expect((menu?.x ?? 0) + (menu?.width ?? 0)).toBeLessThanOrEqual(390);
    const below = (menu?.y ?? 0) - ((button?.y ?? 0) + (button?.height ?? 0));
    const above = (button?.y ?? 0) - ((menu?.y ?? 0) + (menu?.height ?? 0));
    expect(Math.min(Math.abs(below), Math.abs(above))).toBeLessThan(8);
    await card.page().getByRole("menuitem", { name: "Rare choice" }).click();
    await card.page().getByText("Rare choice", { exact: true }).last().waitFor();
    expect(await card.page().getByRole("menu").count()).toBe(0);
  });

  test("tell tables' grid styles apart", async () => {
    const card = await show(760, "light");
    const colours = await card
      .getByRole("table")
      .evaluateAll((tables) => tables.map((one) => window.getComputedStyle(one).borderTopColor));
    expect(new Set(colours).size).toBe(2);
  });
});
