import { bundleSettings } from "../bundle-settings.ts";
import { defineCommand } from "../command.ts";
import { SERVE_OPTIONS, serveHost, serveSettings } from "../serve-host.ts";

export default defineCommand({
  summary: "Run a bundle",
  arguments: [
    { name: "bundle", summary: "directory with greentic.demo.yaml, or that file (default: here)", optional: true },
  ],
  options: SERVE_OPTIONS,
  examples: ["gtc start examples/weather-demo", "gtc start --port 9000 --data /var/lib/greentic"],
  run: (input, io) => serveHost(serveSettings(bundleSettings(input, io), input, io), io),
});
