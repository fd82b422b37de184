import type { Names, SessionNames } from "./names.ts";
import type { Orders } from "./orders.ts";
import type { Filing } from "./head.ts";
import type { StoreClock, Units } from "./units.ts";
import type { World } from "../../types/index.ts";

/** What all operations of a record store work with. */
export interface RecordCore {
  readonly units: Units;
  readonly names: Names;
  readonly orders: Orders;
  readonly clock: StoreClock;
  readonly world: World;
}

/** What filing a session needs. */
export function filingOf({ orders, clock }: RecordCore, names: SessionNames): Filing {
  return { names, orders, clock };
}
