/** A person as the platform names them: the phone number, or the id that a business sees of who shows a user name instead. */
export type Person = { readonly to: string } | { readonly recipient: string };

const PHONE = /^\d{5,20}$/;
const USER_ID = /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/;

/** Reads whom a send goes to, in the field that the platform takes it in; undefined where it is nobody's name. */
export function personOf(id: string): Person | undefined {
  if (PHONE.test(id)) return { to: id };
  return USER_ID.test(id) ? { recipient: id } : undefined;
}
