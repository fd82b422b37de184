export { VERSION } from "../types/index.ts";
