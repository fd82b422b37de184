import { encodeKeyToken } from "../types/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import type { Erasure } from "./store.ts";

/** Makes the test whether a session's key, or a conversation's that has no user part, is among what is to be erased. */
export function erasureFilter(whose: Erasure): (key: SessionKeyText | string) => boolean {
  const wanted = [
    whose.env,
    whose.tenant,
    whose.team,
    whose.channel,
    whose.conversation === undefined ? undefined : encodeKeyToken(whose.conversation),
    whose.user === undefined ? undefined : encodeKeyToken(whose.user),
  ];
  return (key) => {
    const parts = key.split(":");
    return wanted.every((part, index) => part === undefined || part === parts[index]);
  };
}
