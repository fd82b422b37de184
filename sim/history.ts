import type { JsonValue } from "../src/types/index.ts";
import type { Talk } from "./plan.ts";

/** A message of a person, as their platform knows it. */
export interface Said {
  readonly talk: Talk;
  readonly index: number;
  /** The platform's name for the delivery. */
  readonly id: string;
  readonly text: string;
  sentAtMs: number;
  /** When the platform was told that it was taken. */
  ackedAtMs: number | undefined;
  /** What whoever waits for the turn was told, each time. */
  readonly answers: string[];
}

/** A reply that arrived somewhere. */
export interface Delivered {
  readonly sink: "hook" | "traced" | "opaque";
  readonly tenant: string;
  readonly conversation: string;
  readonly key: string;
  readonly text: string;
  readonly atMs: number;
  /** Of a repeated delivery to an opaque platform: whether doubt about it was on record before. */
  readonly wasUnknown: boolean;
}

/** An entry of a conversation's log as its page saw it. */
export interface LogLine {
  readonly index: number;
  readonly role: string;
  readonly text: string;
}

/** An effect that the outside world saw. */
export interface Effect {
  readonly tenant: string;
  readonly key: string;
  readonly text: string;
  readonly input: string;
  readonly atMs: number;
  /** When the process that acted had started. */
  readonly bornAtMs: number;
}

/** All that the outside knows of a run: what was said, and what came of it. The checker reads nothing else. */
export class History {
  readonly said: Said[] = [];
  readonly delivered: Delivered[] = [];
  readonly effects: Effect[] = [];
  /** By `tenant conversation`: every line that a page ever saw, by index. */
  readonly logs = new Map<string, Map<number, LogLine>>();
  /** What a page saw change or saw twice. */
  readonly contradictions: string[] = [];
  /** What an operator can read of rows that policy gave up: their texts. */
  abandoned: { readonly tenant: string; readonly text: string }[] = [];
  /** What an operator can read of messages that no turn could handle. */
  deadLetters: string[] = [];

  /** Takes in what a page read of a conversation's log. */
  readLog(talk: Talk, lines: readonly LogLine[]): void {
    const name = `${talk.tenant} ${talk.conversation}`;
    const known = this.logs.get(name) ?? new Map<number, LogLine>();
    this.logs.set(name, known);
    for (const line of lines) {
      const before = known.get(line.index);
      if (before !== undefined && (before.text !== line.text || before.role !== line.role)) {
        this.contradictions.push(`${name}: entry ${line.index} said ${before.text}, then ${line.text}`);
      }
      known.set(line.index, line);
    }
  }
}

/** A value as a person would read it. */
export function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}
