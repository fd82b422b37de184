export type { Logger, LoggerOptions } from "./logger.ts";
export { createLogger } from "./logger.ts";
export type { OtlpExport, OtlpOptions } from "./otlp.ts";
export { openOtlpExport } from "./otlp.ts";
export { logSafe, sessionPseudonym } from "./redact.ts";
export type { TurnEvent, TurnObserver } from "./turn-event.ts";
export { combineObservers, createLogObserver } from "./turn-log.ts";
export { createSpanObserver } from "./turn-spans.ts";
