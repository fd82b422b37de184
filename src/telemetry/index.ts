export type { TurnEvent, TurnObserver } from "./turn-event.ts";
