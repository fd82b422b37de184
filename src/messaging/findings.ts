/**
 * What a channel can't show as it is, told by names alone: what happened, to which kind of element, and where in the message. Codes,
 * elements and the words of paths are from fixed lists, so that nothing that somebody wrote gets from here into telemetry.
 */
import type { JsonValue } from "../types/index.ts";

/**
 * What became of something. `element.dropped`, `action.dropped`, `text.dropped`: nothing of it is sent. `element.told`,
 * `action.told`, `attachment.told`: words stand for it. `card.degraded`: a card that would have been shown became text and actions.
 */
export type FindingCode =
  | "element.dropped"
  | "element.told"
  | "action.dropped"
  | "action.told"
  | "attachment.told"
  | "card.degraded"
  | "text.dropped";

/** Something of a message that a projection couldn't show as it is. */
export interface ProjectionFinding {
  readonly code: FindingCode;
  /** A type of Adaptive Cards' schema, `text`, `attachment`, or `other`. */
  readonly element: string;
  /** `cards[0].body[2].items[0]`: names of the schema's lists and numbers, at most 256 characters. */
  readonly path: string;
}

/** Takes a projection's findings in the order of the message; must not throw. */
export type NoteFinding = (finding: ProjectionFinding) => void;

const NAMES = new Set(
  (
    "AdaptiveCard TextBlock RichTextBlock TextRun Image ImageSet Media MediaSource FactSet Fact CodeBlock Icon Badge " +
    "Container ColumnSet Column ActionSet Table TableRow TableCell Carousel CarouselPage CompoundButton Rating " +
    "ProgressBar ProgressRing Accordion TabSet List " +
    "Input.Text Input.Number Input.Date Input.Time Input.Toggle Input.ChoiceSet Input.Choice Input.Rating " +
    "Action.Submit Action.Execute Action.OpenUrl Action.ShowCard Action.ToggleVisibility Action.Popover " +
    "refresh authentication text attachment"
  ).split(" "),
);
const MAX_PATH_UNITS = 256;

/** Notes a finding of an element whose type somebody else wrote; what the schema doesn't know is `other`. */
export function noteElement(
  note: NoteFinding | undefined,
  code: FindingCode,
  { type, path }: { readonly type: JsonValue | undefined; readonly path: string },
): void {
  if (note === undefined) return;
  const element = typeof type === "string" && NAMES.has(type) ? type : "other";
  note({ code, element, path: path.length <= MAX_PATH_UNITS ? path : `${path.slice(0, MAX_PATH_UNITS - 1)}…` });
}
