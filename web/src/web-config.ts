import { isRecord } from "./directline/index.ts";

/** What the host tells the page about a tenant's worker. */
export interface WebConfig {
  readonly tenant: string;
  readonly env: string;
  readonly locales: readonly string[];
  readonly accent: string | undefined;
  readonly worker: {
    readonly title: string;
    readonly description: string;
    readonly suggestions: readonly Suggestion[];
  };
  /** Whether the host shows what the worker does. */
  readonly dev: boolean;
}

/** Something to try: `title` is shown, `value` is sent. */
interface Suggestion {
  readonly title: string;
  readonly value: string;
}

/** Fetches a tenant's configuration; undefined while the host can't be reached. A host that has none gets a plain page. */
export async function fetchWebConfig(tenant: string, locale: string): Promise<WebConfig | undefined> {
  try {
    const query = `?locale=${encodeURIComponent(locale)}`;
    const response = await fetch(`/v1/web/config/${tenant}${query}`, {
      credentials: "omit",
      signal: AbortSignal.timeout(20_000),
    });
    return readWebConfig(response.ok ? await response.json() : undefined, tenant);
  } catch {
    return undefined;
  }
}

function readWebConfig(value: unknown, tenant: string): WebConfig {
  const config = isRecord(value) ? value : {};
  const worker = isRecord(config["worker"]) ? config["worker"] : {};
  const theme = isRecord(config["theme"]) ? config["theme"] : {};
  return {
    tenant,
    env: text(config["env"]) ?? "",
    locales: list(config["locales"]).flatMap((tag) => text(tag) ?? []),
    accent: text(theme["accent"]),
    worker: {
      title: text(worker["title"]) ?? "Greentic",
      description: text(worker["description"]) ?? "",
      suggestions: list(worker["suggestions"]).flatMap(suggestion).slice(0, 3),
    },
    dev: config["dev"] === true,
  };
}

function suggestion(value: unknown): readonly Suggestion[] {
  if (typeof value === "string") return [{ title: value, value }];
  if (!isRecord(value)) return [];
  const title = text(value["title"]) ?? text(value["value"]);
  return title === undefined ? [] : [{ title, value: text(value["value"]) ?? title }];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
