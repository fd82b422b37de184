// Where a function body is charged, and how much. Code is cut into segments that run from their first instruction to their last
// whenever they are entered; each is paid for where it begins:
//   - the body, a loop's body, both arms of an `if`
//   - what stands behind `br_if` and the like
//   - what stands behind the end of a block that can be left for somewhere farther out; behind any other block the segment goes on
//     that was under way before it
// No path pays less than it runs. A small segment is paid for by the one that leads to it, so that not every branch costs a
// subtraction; the slack bounds how much more a path pays than it runs. Without this an interpreter's dispatch loop would pay for all
// of its instructions at every step.
// A guest can run without end only through loops and calls, so only loops and functions that call look whether fuel is left.

/** A place where fuel is taken. */
export interface Region {
  readonly kind: "region";
  readonly at: number;
  cost: number;
  /** Whether the guest is stopped here when nothing is left. */
  isChecked: boolean;
}

/** What one region may pay for others: this much, or as much as for itself. */
const SLACK = 16;

class Segment {
  readonly region: Region;
  /** The segment that always ran before, in the same round of the same loop; null where no other may pay. */
  readonly payer: Segment | null;
  #paidForOthers = 0;

  constructor(at: number, payer: Segment | null) {
    this.region = { kind: "region", at, cost: 0, isChecked: false };
    this.payer = payer;
  }

  /** Pays for another where that is little. */
  takes(other: Segment): boolean {
    const { cost } = other.region;
    const own = this.region.cost - this.#paidForOthers;
    if (this.#paidForOthers + cost > Math.max(SLACK, own)) return false;
    this.#paidForOthers += cost;
    this.region.cost += cost;
    return true;
  }
}

interface Frame {
  readonly kind: "block" | "loop" | "if";
  /** Under way where the frame begins. */
  readonly before: Segment;
  /** The outermost frame that is branched to from within. */
  outermost: number;
  /** Whether its end is reached other than from above: by a branch, or from an arm of an `if`. */
  isTarget: boolean;
  hasElse: boolean;
}

/** Follows the control flow of one function body; instructions are reported in their order. */
export class Regions {
  readonly #segments: Segment[] = [];
  readonly #frames: Frame[];
  readonly #entry: Segment;
  /** Collects what can't be reached; never paid. */
  readonly #dead = new Segment(-1, null);
  #current: Segment;

  constructor(at: number) {
    this.#entry = this.#open(at, null);
    this.#entry.region.cost = 1;
    this.#current = this.#entry;
    this.#frames = [{ kind: "block", before: this.#entry, outermost: 0, isTarget: false, hasElse: false }];
  }

  #open(at: number, payer: Segment | null): Segment {
    const segment = new Segment(at, payer);
    this.#segments.push(segment);
    return segment;
  }

  /** How many frames are open, the function's own counted; 0 behind its last `end`. */
  get depth(): number {
    return this.#frames.length;
  }

  /** Whether control can come here. */
  get isLive(): boolean {
    return this.#current !== this.#dead;
  }

  /** Pays for instructions. */
  charge(cost: number): void {
    this.#current.region.cost += cost;
  }

  /** The function looks where it begins. */
  checkEntry(): void {
    this.#entry.region.isChecked = true;
  }

  /** `block`, `loop` or `if` begins; `at` is behind its immediates. */
  begin(kind: Frame["kind"], at: number): void {
    const before = this.#current;
    this.#frames.push({ kind, before, outermost: this.#frames.length, isTarget: false, hasElse: false });
    if (before === this.#dead || kind === "block") return;
    this.#current = this.#open(at, kind === "loop" ? null : before);
    if (kind === "if") return;
    this.#current.region.cost = 1;
    this.#current.region.isChecked = true;
  }

  /** `else` begins. */
  otherwise(at: number): void {
    const frame = this.#frames.at(-1);
    if (!frame) return;
    frame.hasElse = true;
    if (this.#current !== this.#dead) frame.isTarget = true;
    this.#current = frame.before === this.#dead ? this.#dead : this.#open(at, frame.before);
  }

  /** A frame ends. */
  end(at: number): void {
    const frame = this.#frames.pop();
    const around = this.#frames.at(-1);
    if (!frame || !around) return;
    around.outermost = Math.min(around.outermost, frame.outermost);
    const { before, kind } = frame;
    const isTarget = frame.isTarget || (kind === "if" && !frame.hasElse);
    if (before === this.#dead || (this.#current === this.#dead && !isTarget)) this.#current = this.#dead;
    // Nothing leaves for farther out: whoever came in comes here, once.
    else if (frame.outermost >= this.#frames.length) this.#current = before;
    // Otherwise, where the only way here is from above, that segment goes on.
    else if (isTarget || kind === "loop") this.#current = this.#open(at, before);
  }

  /** A branch to the frame that is `depth` around; control may also go on behind it. */
  branch(depth: number): void {
    if (this.#current === this.#dead) return;
    const target = Math.max(0, this.#frames.length - 1 - depth);
    const frame = this.#frames[target];
    if (frame && frame.kind !== "loop") frame.isTarget = true;
    const innermost = this.#frames.at(-1);
    if (innermost) innermost.outermost = Math.min(innermost.outermost, target);
  }

  /** Control goes on here only sometimes. */
  split(at: number): void {
    if (this.#current !== this.#dead) this.#current = this.#open(at, this.#current);
  }

  /** Control doesn't go on here. */
  stop(): void {
    this.#current = this.#dead;
  }

  /** Looks whether fuel is left. */
  check(at: number): void {
    if (this.#current === this.#dead) return;
    this.#current = this.#open(at, null);
    this.#current.region.isChecked = true;
  }

  /** What all segments cost: at least what any path without loops does. */
  get total(): number {
    return this.#segments.reduce((sum, { region }) => sum + region.cost, 0);
  }

  /** Gives the regions that are paid, in the order of their places. */
  finish(): readonly Region[] {
    const paid: Region[] = [];
    for (const segment of this.#segments.toReversed()) {
      if (segment.payer?.takes(segment) !== true) paid.push(segment.region);
    }
    return paid.toReversed();
  }
}
