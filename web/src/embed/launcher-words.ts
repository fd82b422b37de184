/** What the launcher itself says. */
interface LauncherWords {
  readonly chat: string;
  readonly news: string;
}

const EN: LauncherWords = { chat: "Chat", news: "new message" };
const WORDS: Readonly<Record<string, LauncherWords>> = {
  de: { chat: "Chat", news: "neue Nachricht" },
  en: EN,
  es: { chat: "Chat", news: "mensaje nuevo" },
  fr: { chat: "Discussion", news: "nouveau message" },
  id: { chat: "Obrolan", news: "pesan baru" },
  ja: { chat: "チャット", news: "新着メッセージ" },
  nl: { chat: "Chat", news: "nieuw bericht" },
};

/** The launcher's words in the language of a BCP 47 tag, English where there are none. */
export function wordsFor(locale: string): LauncherWords {
  return WORDS[locale.split("-", 1)[0]?.toLowerCase() ?? ""] ?? EN;
}
