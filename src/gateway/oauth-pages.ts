import { createHash } from "node:crypto";
import type { GatewayAnswer } from "./exchange.ts";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1.5rem;color:#1b1b1f;background:#fff}" +
  "button,a{font:inherit}button{padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#1a5fb4;color:#fff;cursor:pointer}" +
  "strong.code{font:600 2.2rem/1 ui-monospace,monospace;letter-spacing:.2em;overflow-wrap:anywhere}";
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** Nothing runs, nothing is loaded, nobody frames it, and nobody hears where the person came from. */
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** Asks before the person leaves: programs that look at links in chats don't press buttons. */
export function askPage(provider: string): GatewayAnswer {
  return page(
    200,
    "Connect an account",
    `<p>A conversation asked you to connect your account at <b>${escape(provider)}</b>.</p>
<p>Go on only if you asked for this yourself. If somebody else sent you the link, close this page: they would get access to your account.</p>
<form method="post"><button>Continue to ${escape(provider)}</button></form>`,
  );
}

/** Leaves for the provider; a form's own redirect would be bound by the page's rules at every stop on the way. */
export function leavePage(location: string, cookie: string): GatewayAnswer {
  const answer = page(
    200,
    "One moment",
    `<p><a href="${escape(location)}" rel="noreferrer">Continue</a></p>`,
    `<meta http-equiv="refresh" content="0;url=${escape(location)}">`,
  );
  return { ...answer, headers: { ...answer.headers, "set-cookie": cookie } };
}

/** Says that it went well; with a code, what to write in the conversation. */
export function connectedPage(code: string | undefined): GatewayAnswer {
  if (code === undefined)
    return page(200, "Connected", "<p>Your account is connected. You can close this page and go back.</p>");
  return page(
    200,
    "Almost done",
    `<p>Write this code in the conversation where you asked:</p><p><strong class="code">${escape(code)}</strong></p>
<p>Give it to nobody else.</p>`,
  );
}

/** One page for everything that can be wrong: nothing in it tells what, and nothing of the request is in it. */
export const FAILED_PAGE: GatewayAnswer = page(
  400,
  "That didn't work",
  "<p>The link isn't good any more, or the account wasn't connected. Go back and ask again.</p>",
);

function page(status: number, title: string, body: string, head = ""): GatewayAnswer {
  return {
    status,
    headers: HEADERS,
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}<title>${title}</title><style>${STYLE}</style></head><body><h1>${title}</h1>${body}</body></html>`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}
