import { loadConfig } from "../../config/index.ts";
import { formatSecretUri } from "../../secrets/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { localSecrets } from "../local-secrets.ts";
import { secretPlaces } from "../secret-places.ts";

export default defineCommand({
  summary: "List the names of secrets",
  options: [
    { flags: "--tenant <tenant>", summary: "only this tenant's" },
    { flags: "--place <place>", summary: "what aws, azure or google has, instead of the data directory" },
    { flags: "--json", summary: "print as JSON" },
  ],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment });
    const tenant = textOption(input, "tenant");
    const named = textOption(input, "place");
    const place =
      named === undefined
        ? localSecrets(config)
        : secretPlaces(config, io.environment).find(({ name, list }) => name === named && list !== undefined);
    if (place?.list === undefined)
      throw new GreenticError(
        "CLI_USAGE_INVALID",
        `List secrets: expected a place that is configured and can be listed, got ${quote(named ?? "")}`,
      );
    const uris = (await place.list())
      .filter((uri) => tenant === undefined || uri.tenant === tenant)
      .map((uri) => formatSecretUri(uri));
    if (hasFlag(input, "json")) printJson(io, uris);
    else for (const uri of uris) io.stdout.write(`${uri}\n`);
  },
});
