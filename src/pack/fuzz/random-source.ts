/** Gives deterministic pseudo-random integers below a bound (mulberry32), so that what failed can be made again. */
export type RandomSource = (below: number) => number;

/** Begins a sequence of its own for every seed. */
export function randomSource(seed: number): RandomSource {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Takes one of a list that isn't empty. */
export function pick<T>(random: RandomSource, list: readonly T[]): T {
  const item = list[random(list.length)];
  if (item === undefined) throw new RangeError("pick: an empty list");
  return item;
}
