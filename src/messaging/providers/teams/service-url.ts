/** Where Teams' connectors are: the only hosts that ever get the app's token. */
const HOSTS = ["smba.trafficmanager.net", "smba.infra.gcc.teams.microsoft.com"];
/** Where a conversation is written to that was never heard of. */
export const GLOBAL_SERVICE_URL = "https://smba.trafficmanager.net/teams/";
const MAX_CONVERSATIONS = 20_000;

/** Which service URLs a token may go to, and which of them each conversation was first heard from. */
export class ServiceUrls {
  readonly #hosts: ReadonlySet<string>;
  readonly #bound = new Map<string, string>();

  /** @param more hosts beside Teams' own */
  constructor(more: readonly string[] = []) {
    this.#hosts = new Set([...HOSTS, ...more]);
  }

  /** Tells whether a URL is one of the platform's. */
  isAllowed(serviceUrl: string): boolean {
    const url = URL.parse(serviceUrl);
    if (url === null || url.protocol !== "https:" || url.port !== "" || !this.#hosts.has(url.hostname)) return false;
    return (
      url.username === "" && url.password === "" && url.search === "" && url.hash === "" && !/[?#]$/.test(serviceUrl)
    );
  }

  /** Tells whether an address is at one of the platform's hosts, whatever it is there. */
  isHost(address: string): boolean {
    const url = URL.parse(address);
    return url !== null && this.isAllowed(`${url.origin}/`) && url.username === "" && url.password === "";
  }

  /** Binds a conversation to the host that it was first heard from; false where it was another one. Regions of a host may change. */
  bind(conversation: string, serviceUrl: string): boolean {
    if (!this.isAllowed(serviceUrl)) return false;
    const known = this.#bound.get(conversation);
    if (known !== undefined && new URL(known).host !== new URL(serviceUrl).host) return false;
    this.#bound.delete(conversation);
    this.#bound.set(conversation, serviceUrl);
    for (const oldest of this.#bound.keys()) {
      if (this.#bound.size <= MAX_CONVERSATIONS) break;
      this.#bound.delete(oldest);
    }
    return true;
  }

  /** Where a conversation was last heard from, as far as this process knows. */
  of(conversation: string): string | undefined {
    return this.#bound.get(conversation);
  }
}
