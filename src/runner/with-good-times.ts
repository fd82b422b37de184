import type { Provider } from "../messaging/index.ts";
import { quote, toGreenticError } from "../types/index.ts";
import { checkSchedule } from "./cron.ts";
import type { RuntimeOptions } from "./runtime-options.ts";

/** A channel whose times can't be read is told of and has none; the rest of the host runs. */
export async function withGoodTimes(
  provider: Provider,
  { onError }: Pick<RuntimeOptions, "onError">,
): Promise<Provider> {
  const { timer, ...rest } = provider;
  if (timer === undefined) return provider;
  try {
    await checkSchedule(timer.times);
    return provider;
  } catch (error) {
    const doing = `Read times of channel ${quote(provider.address.channel)}`;
    onError?.(toGreenticError(error, "RUNNER_CRON_INVALID", doing), undefined);
    return rest;
  }
}
