import { bundleSettings } from "../bundle-settings.ts";
import { defineCommand, hasFlag } from "../command.ts";
import { isDevOk, POLICY_OPTION } from "../pack-input.ts";
import { ROLE_OPTION, SERVE_OPTIONS, serveHost, serveSettings } from "../serve-host.ts";

export default defineCommand({
  summary: "Run a bundle",
  arguments: [
    {
      name: "bundle",
      summary: "a bundle: its directory, greentic.demo.yaml, bundle.yaml or .gtbundle image (default: here)",
      optional: true,
    },
  ],
  options: [
    ...SERVE_OPTIONS,
    ROLE_OPTION,
    POLICY_OPTION,
    { flags: "--strict", summary: "don't start where one pack of the bundle can't run" },
    { flags: "--open-access", summary: "let everybody reach everything, whatever the bundle's access maps say" },
  ],
  examples: [
    "gtc start examples/weather-demo",
    "gtc start shop.gtbundle --policy devok",
    "gtc start --port 9000 --data /var/lib/greentic",
    "gtc start --role worker,egress --port 0",
  ],
  async run(input, io) {
    const settings = await bundleSettings(input, io);
    return serveHost(
      {
        ...serveSettings(settings, input, io),
        reopenBundle: settings.reopenBundle,
        isDevOk: isDevOk(input),
        isStrict: hasFlag(input, "strict"),
        isAccessOpen: hasFlag(input, "openAccess"),
      },
      io,
    );
  },
});
