const LOCALE = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}$/;

/** A locale that has the form of BCP 47, so that the formatters take it. */
export function readLocale(value: string | undefined): string | undefined {
  return value !== undefined && value.length <= 35 && LOCALE.test(value) ? value : undefined;
}
