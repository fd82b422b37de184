/** Bytes of the number that tells which case: as few as hold all. */
export type DiscriminantSize = 1 | 2 | 4;

/** Gives the size of a discriminant of so many cases. */
export function discriminantSize(cases: number): DiscriminantSize {
  if (cases <= 0x100) return 1;
  return cases <= 0x1_0000 ? 2 : 4;
}

/** Reads a discriminant. */
export function loadDiscriminant(view: DataView, pointer: number, size: DiscriminantSize): number {
  if (size === 1) return view.getUint8(pointer);
  return size === 2 ? view.getUint16(pointer, true) : view.getUint32(pointer, true);
}

/** Writes a discriminant. */
export function storeDiscriminant(
  view: DataView,
  pointer: number,
  discriminant: { readonly size: DiscriminantSize; readonly value: number },
): void {
  const { size, value } = discriminant;
  if (size === 1) view.setUint8(pointer, value);
  else if (size === 2) view.setUint16(pointer, value, true);
  else view.setUint32(pointer, value, true);
}
