export type { Bus, BusMessage, BusStats, SubscribeOptions, Unsubscribe } from "./bus.ts";
export type { InProcessBusOptions } from "./in-process-bus.ts";
export { openInProcessBus } from "./in-process-bus.ts";
export type { NatsBusOptions } from "./nats-bus.ts";
export { openNatsBus } from "./nats-bus.ts";
export { streamOf as wakeUpStream, wakeUpConsumer } from "./nats-stream.ts";
export type { DeadLetterStage, Subject, SubjectKind, SubjectPattern, SubjectPlace } from "./subjects.ts";
export {
  deadLettersOf,
  deadLetterSubject,
  exactly,
  matchesSubject,
  subjectOf,
  subjectOfSession,
  subjectsBelow,
} from "./subjects.ts";
