// The canonical ABI of `execute: func(input: message) -> outcome`, by hand: texts come as UTF-8 pointer and length, seven flat
// parameters in all, and a pointer to the outcome goes out.
import { answer } from "./main";

export class Message {
  constructor(
    public id: string,
    /** Text, or JSON where the flow gives more than text. */
    public content: string,
    public sender: string,
    /** Milliseconds since the epoch. */
    public timestamp: u64,
  ) {}
}

export class Outcome {
  constructor(
    public success: bool,
    /** JSON or text where it succeeded, the message where it didn't. */
    public value: string,
  ) {}
}

/** The host asks for the memory of what it passes in; a fresh instance serves every call, so nothing is freed. */
export function cabi_realloc(old: usize, oldSize: usize, _align: usize, size: usize): usize {
  const made = heap.alloc(size);
  if (old != 0) memory.copy(made, old, min(oldSize, size));
  return made;
}

// outcome: success u8 at 0; data and error as option<string>: whether it is there, pointer, length.
const OUTCOME = memory.data(28, 4);

export function execute(
  id: usize,
  idSize: usize,
  content: usize,
  contentSize: usize,
  sender: usize,
  senderSize: usize,
  timestamp: u64,
): usize {
  const result = answer(
    new Message(
      String.UTF8.decodeUnsafe(id, idSize),
      String.UTF8.decodeUnsafe(content, contentSize),
      String.UTF8.decodeUnsafe(sender, senderSize),
      timestamp,
    ),
  );
  const bytes = String.UTF8.encode(result.value);
  memory.fill(OUTCOME, 0, 28);
  store<u8>(OUTCOME, result.success ? 1 : 0);
  const option = OUTCOME + (result.success ? 4 : 16);
  store<u8>(option, 1);
  store<usize>(option, changetype<usize>(bytes), 4);
  store<i32>(option, bytes.byteLength, 8);
  return OUTCOME;
}
