/** This edition's version: what `--version` prints and what peers are told; the package's. */
export const VERSION = "0.1.0";
