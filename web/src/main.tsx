import { computed, effect, signal } from "@preact/signals";
import { render } from "preact";
import { accentPair } from "./accent.ts";
import { Conversation } from "./conversation/store.ts";
import { readPageOptions } from "./page-options.ts";
import { TurnStream } from "./pane/turn-stream.ts";
import "./styles/base.css";
import "./styles/page.css";
import "./styles/conversation.css";
import { App } from "./view/app.tsx";
import { fetchWebConfig } from "./web-config.ts";
import type { WebConfig } from "./web-config.ts";
import { directionOf, locale } from "./words/index.ts";

const options = readPageOptions();
const root = document.documentElement;
locale.value = options.locale;
root.dataset["scheme"] = options.scheme;

const config = signal<WebConfig | undefined>(undefined);
const turns = signal<TurnStream | undefined>(undefined);
const conversation = new Conversation(options.tenant, options.tokenSite);

effect(() => {
  root.lang = locale.value;
  root.dir = directionOf(locale.value);
});
effect(() => {
  if (config.value === undefined) return;
  document.title = config.value.worker.title;
  const accent = [options.accent, config.value.accent]
    .map((one) => accentPair(one ?? ""))
    .find((pair) => pair !== undefined);
  if (accent === undefined) return;
  root.style.setProperty("--accent-light", accent.light);
  root.style.setProperty("--accent-dark", accent.dark);
});

/** Tells the launcher that opened this page; it checks who speaks. */
function tellLauncher(type: "greentic:close" | "greentic:message"): void {
  if (options.embeddingOrigin !== undefined) parent.postMessage({ type }, options.embeddingOrigin);
}
effect(() => {
  if (conversation.unanswered.value !== undefined) tellLauncher("greentic:message");
});

function Page(): ReturnType<typeof App> {
  return (
    <App
      options={options}
      config={config.value}
      conversation={conversation}
      turns={turns.value}
      onClose={options.embeddingOrigin === undefined ? undefined : () => tellLauncher("greentic:close")}
    />
  );
}
const place = document.querySelector("#page");
if (place !== null) render(<Page />, place);

conversation.start();
/** The locale in which the worker's words are on screen. */
let shownLocale: string | undefined;
const isConnected = computed(() => conversation.connection.value.kind === "connected");
effect(() => {
  const wanted = locale.value;
  // Asked at once, again when the language changes, and again when an unreachable host is back.
  void isConnected.value;
  if (shownLocale === wanted) return;
  void fetchWebConfig(options.tenant, wanted).then((fetched) => {
    if (fetched === undefined || locale.peek() !== wanted) return;
    shownLocale = wanted;
    config.value = fetched;
    if (fetched.dev && turns.peek() === undefined) turns.value = new TurnStream(options.tenant, conversation);
  });
});
