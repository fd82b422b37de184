import { jsonNode } from "./node-json.ts";

/** `greentic:component/node@0.5`: JSON text, contexts of three generations. */
export const node05 = jsonNode("node05", "greentic:component/node@0.5.");
