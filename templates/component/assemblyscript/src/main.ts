import { Message, Outcome } from "./greentic";

/** Answers a text in capitals, as JSON: {"text":"HELLO"}. */
export function answer(input: Message): Outcome {
  return new Outcome(true, '{"text":' + quoted(input.content.toUpperCase()) + "}");
}

function quoted(text: string): string {
  let json = '"';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20) json += "\\u00" + (code < 16 ? "0" : "") + code.toString(16);
    else if (code == 0x22 || code == 0x5c) json += "\\" + text.charAt(i);
    else json += text.charAt(i);
  }
  return json + '"';
}
