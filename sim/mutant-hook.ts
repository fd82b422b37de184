import { registerHooks } from "node:module";
import type { Edit } from "./mutants.ts";

const SRC = new URL("../src/", import.meta.url).href;

/**
 * Plants a bug: changes sources as they are loaded, so that it must be called before any of them is.
 * @throws RangeError at the load of a file in which a text isn't found exactly once
 */
export function plant(edits: readonly Edit[]): { readonly missing: () => readonly string[] } {
  const waiting = new Set(edits);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const mine = edits.filter(({ file }) => url === SRC + file);
      if (mine.length === 0) return loaded;
      let source = Buffer.from(loaded.source as Uint8Array).toString();
      for (const edit of mine) {
        const times = source.split(edit.from).length - 1;
        if (times !== 1)
          throw new RangeError(
            `Plant bug in ${edit.file}: expected its text once, found it ${times} times: ${edit.from}`,
          );
        source = source.replace(edit.from, () => edit.to);
        waiting.delete(edit);
      }
      return { ...loaded, source };
    },
  });
  return { missing: () => [...waiting].map(({ file }) => file) };
}
