/** A guest that used up its slice. */
interface Waiting {
  /** Whether it should go on at once, because it will be stopped. */
  readonly isOver: () => boolean;
  readonly resolve: () => void;
}

const waiting: Waiting[] = [];
let isScheduled = false;

/**
 * Waits for the next turn. Between two turns the event loop goes round once, and one guest gets each turn: however many spin, others
 * wait for no more than one slice. Guests whose time is over don't queue for their end.
 */
export function nextTurn(isOver: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    waiting.push({ isOver, resolve });
    schedule();
  });
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(giveTurn);
}

function giveTurn(): void {
  isScheduled = false;
  waiting.shift()?.resolve();
  for (let index = waiting.length - 1; index >= 0; index--) {
    if (waiting[index]?.isOver()) waiting.splice(index, 1)[0]?.resolve();
  }
  if (waiting.length > 0) schedule();
}
