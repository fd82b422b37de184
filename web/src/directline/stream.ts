import { readActivitySet } from "./activity.ts";
import type { ActivitySet } from "./activity.ts";

/** How a stream ended: `refused` never opened, `lost` was open and closed. */
export type StreamEnd = "refused" | "lost" | "aborted";

/** Follows one WebSocket stream until it ends; resolves, never rejects. Empty frames are the server's keep-alive. */
export function followStream(
  url: string,
  options: {
    readonly signal: AbortSignal;
    readonly onOpen: () => void;
    readonly onActivities: (set: ActivitySet) => void;
  },
): Promise<StreamEnd> {
  const { signal, onOpen, onActivities } = options;
  return new Promise((resolve) => {
    let isOpen = false;
    let socket: WebSocket;
    try {
      socket = new WebSocket(url);
    } catch {
      resolve("refused");
      return;
    }
    const abort = (): void => socket.close();
    signal.addEventListener("abort", abort);
    socket.addEventListener("open", () => {
      isOpen = true;
      onOpen();
    });
    socket.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (typeof event.data !== "string" || event.data === "") return;
      onActivities(readActivitySet(parse(event.data)));
    });
    socket.addEventListener("close", () => {
      signal.removeEventListener("abort", abort);
      if (signal.aborted) resolve("aborted");
      else resolve(isOpen ? "lost" : "refused");
    });
    if (signal.aborted) abort();
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
