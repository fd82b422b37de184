import type { ProviderSetup } from "../setup.ts";

/** Web chat is served by the host itself: nobody has to be told. */
export const webchatSetup: ProviderSetup = {
  isReached: () => false,
  register: async () =>
    Promise.resolve([{ state: "ok", what: "served by the host itself; it needs no platform and no tunnel" }]),
  verify: async () => Promise.resolve([{ state: "ok", what: "served by the host itself" }]),
  remove: async () => Promise.resolve([{ state: "ok", what: "there is nothing to take back" }]),
};
