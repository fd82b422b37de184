import { jsonNode } from "./node-json.ts";

/** `greentic:component/node@0.4`: JSON text, a small context. */
export const node04 = jsonNode("node04", "greentic:component/node@0.4.");
