import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";

const CHUNK = 1 << 20;

/**
 * Keeps some room on the disk for when it is full: what came in can still be answered, and what that deletes makes room, while
 * nothing new is taken in.
 */
export class SpaceReserve {
  readonly #file: string;
  readonly sizeBytes: number;
  #isHeld = false;

  constructor(file: string, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  /** Whether the room is kept, so that the disk can't be quite full. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Takes the room, if there is that much; tells whether it is kept now. */
  hold(): boolean {
    if (this.#isHeld) return true;
    try {
      if (sizeOf(this.#file) !== this.sizeBytes) fill(this.#file, this.sizeBytes);
      this.#isHeld = true;
    } catch {
      // Half a reserve would be taken from those who are to be helped by it.
      rmSync(this.#file, { force: true });
    }
    return this.#isHeld;
  }

  /** Gives the room up for what has to be written now. */
  release(): void {
    rmSync(this.#file, { force: true });
    this.#isHeld = false;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function fill(file: string, sizeBytes: number): void {
  const fd = openSync(file, "w", 0o600);
  try {
    const zeros = Buffer.alloc(Math.min(CHUNK, sizeBytes));
    for (let left = sizeBytes; left > 0; left -= zeros.length) writeSync(fd, zeros, 0, Math.min(left, zeros.length));
  } finally {
    closeSync(fd);
  }
}
