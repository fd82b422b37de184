/** The turn can't go on and must leave no trace: its lease is gone, or the store is. */
export class TurnAborted extends Error {
  override readonly name = "TurnAborted";

  constructor(cause: unknown) {
    super("The turn was given up", { cause });
  }
}
