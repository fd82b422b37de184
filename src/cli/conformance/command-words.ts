import { GreenticError, quote } from "../../types/index.ts";

/** Splits a command line into its words, as a shell would without expanding anything. @throws CLI_USAGE_INVALID */
export function commandWords(line: string): readonly [string, ...string[]] {
  const words: string[] = [];
  let word: string | undefined;
  let open = "";
  for (const char of line) {
    if (open !== "") {
      if (char === open) open = "";
      else word = (word ?? "") + char;
    } else if (char === '"' || char === "'") {
      open = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (word !== undefined) words.push(word);
  const [program, ...args] = words;
  if (open !== "" || program === undefined || program === "")
    throw new GreenticError(
      "CLI_USAGE_INVALID",
      `Read command line: expected a program and its arguments, got ${quote(line)}`,
    );
  return [program, ...args];
}
