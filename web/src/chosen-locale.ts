const KEY = "greentic:webchat:locale";

/** The language that the person chose in this tab; undefined before they did, or where the browser refuses storage. */
export function chosenLocale(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the person's choice for this tab, so that a reload doesn't undo it. */
export function keepLocale(tag: string): void {
  try {
    sessionStorage.setItem(KEY, tag);
  } catch {
    // The choice holds until the reload.
  }
}
