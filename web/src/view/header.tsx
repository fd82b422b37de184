import type { VNode } from "preact";
import { keepLocale } from "../chosen-locale.ts";
import type { WebConfig } from "../web-config.ts";
import { locale, nameOf, ownLocales, words } from "../words/index.ts";
import { Icon } from "./icons.tsx";

/** The worker's name, the language, and where offered the way to its steps or out of the panel. */
export function Header(props: {
  readonly config: WebConfig | undefined;
  readonly title: string;
  readonly work: { readonly isOpen: boolean; readonly toggle: () => void } | undefined;
  readonly onClose: (() => void) | undefined;
}): VNode {
  const { config, title, work, onClose } = props;
  return (
    <header class="header">
      <h1 class="header-title">{title}</h1>
      {config?.dev === true && <span class="badge">{config.env}</span>}
      <span class="grow" />
      <LanguagePicker locales={config?.locales ?? []} />
      {work !== undefined && (
        <button
          type="button"
          class="button quiet square"
          id="work-toggle"
          aria-label={words.value.showWork}
          title={words.value.showWork}
          aria-expanded={work.isOpen}
          aria-controls="work"
          onClick={work.toggle}
        >
          <Icon name="work" />
        </button>
      )}
      {onClose !== undefined && (
        <button
          type="button"
          class="button quiet square"
          aria-label={words.value.close}
          title={words.value.close}
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      )}
    </header>
  );
}

function LanguagePicker({ locales }: { readonly locales: readonly string[] }): VNode | null {
  const offered = locales.length > 0 ? locales : ownLocales;
  const current =
    offered.find((tag) => tag === locale.value) ??
    offered.find((tag) => locale.value.startsWith(`${tag}-`)) ??
    locale.value;
  const tags = offered.includes(current) ? offered : [current, ...offered];
  if (tags.length < 2) return null;
  return (
    <select
      class="language"
      aria-label={words.value.language}
      value={current}
      onChange={(event) => {
        locale.value = event.currentTarget.value;
        keepLocale(locale.value);
      }}
    >
      {tags.map((tag) => (
        <option value={tag} key={tag} lang={tag}>
          {nameOf(tag)}
        </option>
      ))}
    </select>
  );
}
