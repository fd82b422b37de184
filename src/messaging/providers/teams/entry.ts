import type { ProviderEntry } from "../entry.ts";
import { PUBLIC_BASE_URL } from "../setup.ts";
import { createTeamsProvider } from "./provider.ts";
import { teamsSetup } from "./setup.ts";

const GUID = {
  pattern: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  words: "eight, three times four and twelve hexadecimal digits with hyphens between",
};
const HOSTS = /^[a-z0-9.-]+(?:\s*,\s*[a-z0-9.-]+)*$/;

/** Microsoft Teams in the catalogue. */
export const teams: ProviderEntry = {
  type: "teams",
  title: "Microsoft Teams",
  secrets: [
    {
      name: "teams_app_password",
      title: "A client secret of the app registration (Certificates & secrets); its value, not its id",
      isRequired: true,
      form: { pattern: /^[\x21-\x7e]{16,}$/, words: "at least 16 characters without spaces" },
    },
  ],
  settings: [
    { name: "app_id", title: "The app's id (Azure Bot → Configuration)", isRequired: true, form: GUID },
    {
      name: "directory_id",
      title: "The directory of a single-tenant app; without it, the app talks to every directory that installs it",
      isRequired: false,
      form: GUID,
    },
    {
      name: "app_name",
      title: "What the app is called in Teams",
      isRequired: false,
      form: { pattern: /^[^<>&]{1,30}$/, words: "1 to 30 characters" },
    },
    PUBLIC_BASE_URL,
    {
      name: "service_url",
      title: "Where conversations are written to that were never heard of; Teams' global address unless named",
      isRequired: false,
      form: { pattern: /^https:\/\/[a-z0-9.-]+\/[\w./-]*$/, words: "an https URL" },
    },
    {
      name: "service_hosts",
      title: "Hosts of service URLs beside Teams' own, separated by commas",
      isRequired: false,
      form: { pattern: HOSTS, words: "host names separated by commas" },
    },
  ],
  setup: teamsSetup,
  create: (address, { world, http, openHttp, config, secret }) => {
    const setting = (name: string): string | undefined => {
      const value = config[name];
      return typeof value === "string" && value !== "" ? value : undefined;
    };
    const directory = setting("directory_id");
    const serviceUrl = setting("service_url");
    const hosts = setting("service_hosts");
    return createTeamsProvider({
      address,
      world,
      http,
      openHttp,
      appId: setting("app_id") ?? "",
      appPassword: () => secret("teams_app_password"),
      ...(directory !== undefined && { directory }),
      ...(serviceUrl !== undefined && { serviceUrl }),
      ...(hosts !== undefined && { serviceHosts: hosts.split(",").map((host) => host.trim()) }),
    });
  },
};
