/**
 * Azure takes the messaging endpoint on its pages, and Teams an app package: both are made ready here.
 * @see https://learn.microsoft.com/en-us/microsoftteams/platform/resources/schema/manifest-schema
 */
import type { JsonObject } from "../../../types/index.ts";
import { textIn } from "../../json-parts.ts";
import type { ProviderSetup, SetupParts, SetupStep } from "../setup.ts";
import { NO_ADDRESS, unansweredStep } from "../setup.ts";
import { AppToken } from "./app-token.ts";
import { discPng } from "./icon.ts";

const SCHEMA = "https://developer.microsoft.com/json-schemas/teams/v1.17/MicrosoftTeams.schema.json";
const ACCENT = "#4F46E5";
const INDIGO = [0x4f, 0x46, 0xe5, 255] as const;
const WHITE = [255, 255, 255, 255] as const;
const CLEAR = [255, 255, 255, 0] as const;
const MAX_NAME = 30;

/** Teams' side of a channel: an endpoint of the Azure Bot, and a package that brings the app to Teams. */
export const teamsSetup: ProviderSetup = {
  isReached: () => true,
  async register(parts) {
    const token = await askToken(parts);
    const { callbackUrl, isKnown } = parts;
    if (token.state === "failed") return [token];
    if (callbackUrl === undefined) return [token, NO_ADDRESS];
    if (isKnown) return [token, { state: "ok", what: "endpoint and app package are as printed before" }];
    return [
      token,
      {
        state: "todo",
        what: "Azure portal → the Azure Bot → Configuration → Messaging endpoint: paste",
        paste: callbackUrl,
      },
      {
        state: "todo",
        what: "Teams → Apps → Manage your apps → Upload an app: this package",
        archive: { name: "teams-app.zip", files: teamsPackage(parts, callbackUrl) },
      },
    ];
  },
  async verify(parts) {
    return [await askToken(parts)];
  },
  async remove() {
    return Promise.resolve([
      {
        state: "todo",
        what: "Azure portal → the Azure Bot → Channels: remove Microsoft Teams, and take the app out of Teams",
      },
    ]);
  },
};

/** The files of the app package. */
function teamsPackage(
  { config, address }: Pick<SetupParts, "config" | "address">,
  url: string,
): Readonly<Record<string, Uint8Array>> {
  const id = textIn(config["app_id"]) ?? "";
  const name = (textIn(config["app_name"]) ?? `${address.channel} (${address.tenant})`).slice(0, MAX_NAME);
  const site = new URL(url).origin;
  const manifest: JsonObject = {
    $schema: SCHEMA,
    manifestVersion: "1.17",
    version: "1.0.0",
    id,
    developer: { name, websiteUrl: site, privacyUrl: site, termsOfUseUrl: site },
    name: { short: name, full: name },
    description: { short: name, full: `${name}: a digital worker` },
    icons: { color: "color.png", outline: "outline.png" },
    accentColor: ACCENT,
    bots: [{ botId: id, scopes: ["personal", "team", "groupChat"], supportsFiles: false, isNotificationOnly: false }],
    permissions: ["identity", "messageTeamMembers"],
    validDomains: [new URL(url).hostname],
  };
  return {
    "manifest.json": Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`),
    "color.png": discPng(192, { disc: WHITE, ground: INDIGO }),
    "outline.png": discPng(32, { disc: WHITE, ground: CLEAR }),
  };
}

async function askToken({ http, world, config, secret }: SetupParts): Promise<SetupStep> {
  const doing = "Fetch the app's token";
  const appId = textIn(config["app_id"]) ?? "";
  const directory = textIn(config["directory_id"]) ?? "botframework.com";
  const token = await new AppToken({ http, world, appId, directory, secret: () => secret("teams_app_password") }).get();
  if (typeof token === "string") return { state: "ok", what: `the platform gives a token for app ${appId}` };
  if (token.kind === "unavailable") return unansweredStep(doing, { kind: "unknown" });
  return {
    state: "failed",
    what: `${doing}: refused${token.why === undefined ? "" : ` with ${token.why}`}`,
    code: "MESSAGING_PLATFORM_UNAUTHENTICATED",
    how: "see config.app_id, config.directory_id of a single-tenant app, and teams_app_password: the secret's value, not its id",
  };
}
