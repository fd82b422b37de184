export type { Bus, BusMessage, Unsubscribe } from "./bus.ts";
export type { InProcessBusOptions } from "./in-process-bus.ts";
export { openInProcessBus } from "./in-process-bus.ts";
export type { Subject, SubjectKind, SubjectPattern, SubjectPlace } from "./subjects.ts";
export { exactly, matchesSubject, subjectOf, subjectOfSession, subjectsBelow } from "./subjects.ts";
