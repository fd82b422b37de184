/** Small texts that processes share, in the PostgreSQL database of their sessions. */
import type { SharedTexts } from "../../files/index.ts";
import type { PostgresPlaceOptions } from "./postgres-store.ts";
import { openPostgresLink } from "./postgres-store.ts";

const CONNECTIONS = 1;

/** Opens the texts of a scope; those of another scope are others. @throws STORE_URL_INVALID, STORE_UNAVAILABLE, STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT */
export async function openPostgresTexts(
  options: PostgresPlaceOptions & { readonly scope: string },
): Promise<SharedTexts> {
  const link = await openPostgresLink({ ...options, connections: CONNECTIONS });
  return {
    of: (name) => {
      const key = `${options.scope}:${name}`;
      return {
        place: `${name} of the PostgreSQL store`,
        read: async () => {
          const text = await link.call({ name: "text_read", args: [key] });
          return typeof text === "string" ? text : undefined;
        },
        write: async (text, over) =>
          (await link.call({ name: "text_write", args: [key, over ?? null, text] })) === true,
      };
    },
    [Symbol.asyncDispose]: () => link.close(),
  };
}
