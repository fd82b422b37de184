/**
 * HTML of what is sent. Everything that isn't written here is escaped; there are no scripts, no forms, no classes, and nothing is fetched
 * but pictures where the channel allows them. Each block finds its own direction, so that right-to-left text stands right.
 */
import type { CardAction } from "../../cards/card-to-text.ts";

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.45";
const BUTTON =
  "display:inline-block;padding:8px 14px;margin:2px 0;border:1px solid #8a8f98;border-radius:6px;color:#1a4fa3;text-decoration:none";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes a text for elements and quoted attributes; control characters and halves of characters are left out. */
export function escapeHtml(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (sign) => ESCAPES[sign] ?? "");
}

/** A text without what no mail may hold. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "");
}

/** A text of several lines within a block. */
export const linesHtml = (text: string): string => escapeHtml(text.trim()).replaceAll(/\r?\n/g, "<br>\n");

/** Blocks of a text, one for each that a blank line ends. */
export function paragraphsHtml(text: string): string {
  return text
    .split(/\n\s*\n/)
    .filter((block) => block.trim() !== "")
    .map((block) => `<p dir="auto" style="margin:0 0 12px">${linesHtml(block)}</p>`)
    .join("\n");
}

/** What can be pressed: links as they are, choices under the number that answers for them. */
export function actionsHtml(actions: readonly CardAction[]): string {
  let number = 0;
  const rows = actions.map((action) =>
    action.kind === "open"
      ? `<p dir="auto" style="margin:0 0 6px"><a href="${escapeHtml(action.url)}" rel="noopener noreferrer" style="${BUTTON}">${flatHtml(action.title)}</a></p>`
      : `<p dir="auto" style="margin:0 0 6px"><b>${++number}.</b> ${flatHtml(action.title)}</p>`,
  );
  return rows.length === 0 ? "" : `<div style="margin:14px 0 0">\n${rows.join("\n")}\n</div>`;
}

/** The whole page. */
export function pageHtml(blocks: readonly string[], locale: string | undefined): string {
  const lang = locale === undefined ? "" : ` lang="${escapeHtml(locale)}"`;
  const body = blocks.filter((block) => block !== "").join("\n");
  return `<!doctype html>
<html${lang}>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="margin:0;padding:16px;${FONT}">
<div style="max-width:640px">
${body}
</div>
</body>
</html>
`;
}

/** A title on one line, never empty. */
export const flatTitle = (title: string): string => printable(title).replaceAll(/\s+/g, " ").trim() || "→";

const flatHtml = (title: string): string => escapeHtml(flatTitle(title));
