import type { Bindings } from "../guest-call.ts";
import { immediate } from "../guest-call.ts";
import { control } from "./declare.ts";

const shouldCancel = immediate(() => false);
const yieldNow = immediate(() => undefined);

/** The functions of `greentic:component/control`. */
export const controlBindings: Bindings = Object.fromEntries(
  control.interfaces.flatMap((name) => [
    [`${name}#should-cancel`, shouldCancel],
    [`${name}#yield-now`, yieldNow],
  ]),
);
