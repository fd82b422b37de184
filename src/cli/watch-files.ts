import { unwatchFile, watchFile } from "node:fs";

/**
 * Calls whenever one of the files changes, comes or goes; which they are is asked again after each call. Files are looked at by their
 * times, so that mounted and linked ones are followed too. Returns how to stop.
 */
export function watchFiles(
  files: () => readonly string[],
  { intervalMs, onChange }: { readonly intervalMs: number; readonly onChange: () => Promise<void> },
): () => void {
  let watched: readonly string[] = [];
  let isStopped = false;
  const changed = (): void => void onChange().then(update);
  const update = (): void => {
    const next = isStopped ? [] : files();
    for (const file of watched) if (!next.includes(file)) unwatchFile(file, changed);
    for (const file of next)
      if (!watched.includes(file)) watchFile(file, { interval: intervalMs, persistent: false }, changed);
    watched = next;
  };
  update();
  return () => {
    isStopped = true;
    update();
  };
}
