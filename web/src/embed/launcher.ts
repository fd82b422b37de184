import css from "./launcher.css?inline";
import { wordsFor } from "./launcher-words.ts";

/**
 * The embedding script: `<script src="https://host/webchat.js" data-tenant="acme"></script>` puts a launcher and a panel into a
 * shadow root of the site. The panel is a frame of the host's own page, so neither side can read the other; the host decides by
 * `frame-ancestors` which sites may show it. Attributes: data-tenant, data-locale, data-theme (light, dark, auto), data-position
 * (left, right), data-greeting, data-accent (`#rrggbb`), data-label, data-autostart (`true`: the conversation opens behind the closed
 * panel, so that a worker that speaks first is told of), data-open (`true`: the panel is open from the start, where there is room),
 * data-token-url (where this site's server answers `{ "token": … }`, got with the tenant's secret for whoever is signed in here).
 */
const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  if (document.body === null) addEventListener("DOMContentLoaded", () => mount(script));
  else mount(script);
}

function mount(script: HTMLScriptElement): void {
  const { dataset } = script;
  const source = new URL(script.src);
  const page = new URL("./", source);
  const locale = dataset["locale"] ?? document.documentElement.lang;
  for (const [name, value] of Object.entries({
    tenant: dataset["tenant"],
    locale,
    theme: dataset["theme"],
    greeting: dataset["greeting"],
    accent: dataset["accent"],
    origin: location.origin,
    token: dataset["tokenUrl"] === undefined ? undefined : "site",
  }))
    if (value !== undefined && value !== "") page.searchParams.set(name, value);

  const host = document.createElement("greentic-webchat");
  const root = host.attachShadow({ mode: "open" });
  // A constructed sheet needs no permission of the site's own content security policy.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  host.dataset["scheme"] = dataset["theme"] ?? "auto";
  host.dataset["position"] = dataset["position"] ?? "";
  if (/^#[0-9a-f]{6}$/i.test(dataset["accent"] ?? "")) paint(host, dataset["accent"] ?? "");

  const words = wordsFor(locale);
  const name = dataset["label"] ?? words.chat;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "launcher";
  button.ariaExpanded = "false";
  button.ariaHasPopup = "dialog";
  button.ariaLabel = name;
  button.append(sign());
  // What is new is said too, not only shown.
  const news = document.createElement("span");
  news.className = "news";
  news.role = "status";
  const panel = document.createElement("div");
  panel.className = "panel";
  panel.role = "dialog";
  panel.ariaLabel = name;
  panel.hidden = true;
  root.append(panel, button, news);

  let frame: HTMLIFrameElement | undefined;
  const load = (): void => {
    if (frame !== undefined) return;
    frame = document.createElement("iframe");
    frame.title = name;
    frame.src = page.href;
    frame.referrerPolicy = "origin";
    panel.append(frame);
  };
  const setNews = (isNew: boolean): void => {
    button.classList.toggle("has-news", isNew);
    news.textContent = isNew ? `${name}: ${words.news}` : "";
  };
  const setOpen = (isOpen: boolean): void => {
    if (isOpen) load();
    panel.hidden = !isOpen;
    button.ariaExpanded = String(isOpen);
    setNews(false);
    if (isOpen) frame?.focus();
    else button.focus();
  };
  button.addEventListener("click", () => setOpen(panel.hidden !== false));
  root.addEventListener("keydown", (event) => {
    if (event instanceof KeyboardEvent && event.key === "Escape" && !panel.hidden) setOpen(false);
  });
  addEventListener("message", (event: MessageEvent<unknown>) => {
    if (event.origin !== source.origin || frame === undefined || event.source !== frame.contentWindow) return;
    const type =
      typeof event.data === "object" && event.data !== null && "type" in event.data ? event.data.type : undefined;
    if (type === "greentic:close") setOpen(false);
    if (type === "greentic:message" && panel.hidden) setNews(true);
    if (type === "greentic:token") void answerToken(event.ports[0], dataset["tokenUrl"]);
  });
  document.body.append(host);
  if (dataset["autostart"] === "true") load();
  // On a phone the panel covers the site, and nobody's site is to be covered unasked; nor is the focus to be taken.
  if (dataset["open"] === "true" && !matchMedia("(max-width: 480px)").matches) {
    load();
    panel.hidden = false;
    button.ariaExpanded = "true";
  }
}

/** Fetches a token from the site's own server, as this visitor, and hands it to the frame through the port that it gave. */
async function answerToken(port: MessagePort | undefined, url: string | undefined): Promise<void> {
  if (port === undefined || url === undefined) return;
  try {
    const response = await fetch(url, { credentials: "same-origin", cache: "no-store" });
    const { token } = response.ok ? ((await response.json()) as { readonly token?: unknown }) : {};
    port.postMessage(typeof token === "string" ? { token } : { status: response.status });
  } catch {
    port.postMessage({ status: 0 });
  }
}

/** Colours the launcher, its sign in whichever of black and white is read better on it. */
function paint(host: HTMLElement, accent: string): void {
  const channels = [1, 3, 5].map((at) => (Number.parseInt(accent.slice(at, at + 2), 16) / 255) ** 2.2);
  const [r = 0, g = 0, b = 0] = channels;
  host.style.setProperty("--launcher", accent);
  host.style.setProperty("--on-launcher", 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff");
}

function sign(): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const d of [
    "M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z",
    "M7 7l10 10M17 7L7 17",
  ]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
