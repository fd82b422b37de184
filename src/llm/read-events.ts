// Server-sent events: UTF-8 lines that end with CR, LF or both; `field: value`, comments begin with a colon, a blank line ends an event.
// What isn't ended by a blank line at the end of the stream is no event. @see WHATWG HTML §9.2.6
import { GreenticError } from "../types/index.ts";

/** Beyond this a line or an event is nobody's answer. */
const MAX_EVENT_CHARS = 1 << 20;

/** Reads the data of each event as it arrives; other fields mean nothing here. @throws LLM_ANSWER_INVALID for what isn't UTF-8 or is too large */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let data: string[] = [];
  let size = 0;
  for await (const chunk of body) {
    rest += decode(decoder, chunk);
    for (;;) {
      const line = /\r\n|\r(?=[^])|\n/.exec(rest);
      if (line === null) break;
      const text = rest.slice(0, line.index);
      rest = rest.slice(line.index + line[0].length);
      size += text.length;
      if (size > MAX_EVENT_CHARS) throw tooLarge();
      if (text === "") {
        if (data.length > 0) yield data.join("\n");
        data = [];
        size = 0;
      } else if (text === "data") data.push("");
      else if (text.startsWith("data:")) data.push(text.slice(text[5] === " " ? 6 : 5));
    }
    if (rest.length > MAX_EVENT_CHARS) throw tooLarge();
  }
  // A carriage return at the very end may have been the first half of a line's end: the blank line is there all the same.
  if (rest === "\r" && data.length > 0) yield data.join("\n");
}

function decode(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw new GreenticError("LLM_ANSWER_INVALID", "Read events: they aren't UTF-8", { cause });
  }
}

function tooLarge(): GreenticError {
  return new GreenticError("LLM_ANSWER_INVALID", `Read events: one has more than ${MAX_EVENT_CHARS} characters`);
}
