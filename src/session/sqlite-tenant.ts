/**
 * SQL: the row's `key` is of the tenant in parameter 1, or that is null. Compares the whole second part of the key with its
 * separator, so that "acme" never finds "acme-2".
 */
export const IS_TENANT = "(?1 IS NULL OR substr(key, instr(key, ':') + 1, length(?1) + 1) = ?1 || ':')";
