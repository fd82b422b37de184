import type { Meter } from "@opentelemetry/api";

/** What went through a bus since it was opened, as its `stats` tell. */
export interface BusCounts {
  readonly published: number;
  readonly dropped: number;
  readonly delivered: number;
  readonly redelivered: number;
}

/** Makes gauges of this process's way to the bus: `greentic.bus.ready` (1 or 0), `.published`, `.dropped`, `.delivered`, `.redelivered`. */
export function createBusGauges(
  meter: Meter,
  from: { readonly stats: () => BusCounts; readonly isReady: () => boolean },
): void {
  const gauge = (name: string, description: string): ReturnType<Meter["createObservableGauge"]> =>
    meter.createObservableGauge(`greentic.bus.${name}`, { description });
  const ready = gauge("ready", "Whether what is published leaves");
  const published = gauge("published", "Messages that left");
  const dropped = gauge("dropped", "Messages that never left, since the bus was down or full");
  const delivered = gauge("delivered", "Messages that came");
  const redelivered = gauge("redelivered", "Messages that came again");
  meter.addBatchObservableCallback(
    (result) => {
      const counts = from.stats();
      result.observe(ready, from.isReady() ? 1 : 0);
      result.observe(published, counts.published);
      result.observe(dropped, counts.dropped);
      result.observe(delivered, counts.delivered);
      result.observe(redelivered, counts.redelivered);
    },
    [ready, published, dropped, delivered, redelivered],
  );
}
