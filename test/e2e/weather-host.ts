import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startOpenMeteoStandIn } from "../../examples/weather-demo/open-meteo-stand-in.ts";
import { startHostProcess } from "./host-process.ts";
import type { HostProcess } from "./host-process.ts";
import { ROOT } from "./shell.ts";

const DEMO = join(ROOT, "examples/weather-demo");
const METEO = ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"];

/** The weather demo's pack in a bundle with another web chat, on a real host that can die and come back where it was. */
export interface WeatherHost extends AsyncDisposable {
  readonly url: string;
  /** Direct Line's base of its tenant. */
  readonly directLine: string;
  /** SIGKILL; `start` brings it back on the same port, over the same data. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Starts the demo; `webchat` is the channel's `config`, `secret` its Direct Line secret. */
export async function startWeatherHost(options: {
  readonly webchat: object;
  readonly secret?: string;
}): Promise<WeatherHost> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-webchat-"));
  const data = join(dir, "data");
  mkdirSync(data, { mode: 0o700 });
  copyFileSync(join(DEMO, "dist/weather-demo-1.0.0.gtpack"), join(dir, "weather.gtpack"));
  const bundle = {
    tenant: "demo",
    providers: { webchat: { type: "webchat", config: options.webchat } },
    apps: { weather: { pack: "weather.gtpack", default_flow: "on_message" } },
    worker: {
      title: "Weather",
      description: "Tells you the weather for a city and a day.",
      suggestions: ["/weather", "/weather Jakarta", "/help"],
      locales: ["en", "es", "id", "ja"],
    },
  };
  // JSON is YAML.
  writeFileSync(join(dir, "greentic.demo.yaml"), JSON.stringify(bundle));
  const key = JSON.stringify(join(DEMO, ".keys/dev.pub"));
  writeFileSync(
    join(dir, "greentic.toml"),
    `[security]\ntrusted_publishers = [{ key = ${key}, names = ["weather-demo"] }]\n`,
  );
  const secrets =
    options.secret === undefined ? {} : { "secrets://dev/demo/_/webchat/directline_secret": options.secret };
  writeFileSync(join(data, "secrets.json"), JSON.stringify(secrets), { mode: 0o600 });
  const meteo = await startOpenMeteoStandIn();
  const start = (port: string): Promise<HostProcess> =>
    startHostProcess(".", {
      cwd: dir,
      args: ["--port", port, "--data", data],
      env: { GREENTIC_HTTP_REWRITE: METEO.map((origin) => `${origin}=${meteo.url}`).join(",") },
    });
  let host = await start("0");
  const { url } = host;
  return {
    url,
    directLine: `${url}/v1/messaging/webchat/demo/v3/directline`,
    kill: () => host.kill(),
    start: async () => void (host = await start(new URL(url).port)),
    async [Symbol.asyncDispose]() {
      await host.kill();
      await meteo[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A site of somebody else's on loopback: another port is another origin. */
export interface ForeignSite extends AsyncDisposable {
  readonly origin: string;
}

/** Serves a site; `cookie` is what the visitor's browser sent. */
export async function serveSite(
  answer: (path: string, response: ServerResponse, cookie: string | undefined) => void,
): Promise<ForeignSite> {
  const server = createServer((request, response) => answer(request.url ?? "/", response, request.headers.cookie));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
