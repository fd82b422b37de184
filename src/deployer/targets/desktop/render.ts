import { dirname } from "node:path";
import { GreenticError, quote } from "../../../types/index.ts";
import { hostArgs, STOP_SECONDS } from "../../host-command.ts";
import type { Deployment, RenderedFiles } from "../../target.ts";
import { readDesktop } from "./spec.ts";
import type { DesktopSettings } from "./spec.ts";

/** Renders the unit of the user's own service manager. @throws DEPLOYER_SETTING_INVALID */
export function renderDesktop(deployment: Deployment): RenderedFiles {
  const settings = readDesktop(deployment);
  return settings.manager === "systemd"
    ? new Map([[unitOf(deployment), systemdUnit(deployment, settings)]])
    : new Map([[`${labelOf(deployment)}.plist`, launchdAgent(deployment, settings)]]);
}

/** The name of the systemd unit. */
export const unitOf = ({ name }: Deployment): string => `greentic-${name}.service`;
/** The label of the launchd agent. */
export const labelOf = ({ name }: Deployment): string => `ai.greentic.${name}`;

function command({ machine, bundle }: Deployment, { host, port, dataDir }: DesktopSettings): readonly string[] {
  return [machine.node, machine.main, ...hostArgs({ bundle, host, port, data: dataDir })];
}

function environmentOf(deployment: Deployment): readonly (readonly [key: string, value: string])[] {
  const { env, configFile, publicBaseUrl, otlpEndpoint } = deployment;
  return [
    ["GREENTIC_ENV", env] as const,
    ["GREENTIC_CONFIG", configFile] as const,
    ["GREENTIC_PUBLIC_BASE_URL", publicBaseUrl] as const,
    ["OTEL_EXPORTER_OTLP_ENDPOINT", otlpEndpoint] as const,
  ].flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
}

/** A file or directory may not hold what a unit's syntax can't say. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\u0000-\u001F\u007F]/.test(text))
    throw new GreenticError("DEPLOYER_SETTING_INVALID", `Render for desktop: ${quote(text)} has control characters`);
  return text;
}

/** Quotes a word of a unit's command line, where `$` would be a variable. @see systemd.service(5), COMMAND LINES */
function commandWord(text: string): string {
  return word(text.replaceAll("$", "$$$$"));
}

/** Quotes a word of a unit. @see systemd.syntax(7), QUOTING */
function word(text: string): string {
  const escaped = path(text);
  return /^[\w@%+=:,./$-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', String.raw`\"`)}"`;
}

/** Escapes a path that stands alone behind a key. */
const path = (text: string): string => plain(text).replaceAll("%", "%%");

function systemdUnit(deployment: Deployment, settings: DesktopSettings): string {
  const { name, bundle } = deployment;
  const { dataDir, memory } = settings;
  const environment = environmentOf(deployment).map(([key, value]) => `Environment=${word(`${key}=${value}`)}`);
  return `[Unit]
Description=Greentic ${name}
Documentation=https://greentic.ai
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
ExecStart=${command(deployment, settings).map(commandWord).join(" ")}
WorkingDirectory=${path(directoryOf(bundle))}
${environment.join("\n")}
# The operator's own variables, with mode 0600; it needn't be there.
EnvironmentFile=-%h/.config/greentic/${name}.env
Restart=on-failure
RestartSec=2
TimeoutStopSec=${STOP_SECONDS}
KillMode=mixed
UMask=0077
MemoryMax=${memory}
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=${word(dataDir)}
PrivateTmp=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
`;
}

function launchdAgent(deployment: Deployment, settings: DesktopSettings): string {
  const { bundle } = deployment;
  const text = (value: string): string => `<string>${xml(plain(value))}</string>`;
  const environment = environmentOf(deployment).map(([key, value]) => `    <key>${key}</key>\n    ${text(value)}`);
  const words = command(deployment, settings).map((one) => `    ${text(one)}`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  ${text(labelOf(deployment))}
  <key>ProgramArguments</key>
  <array>
${words.join("\n")}
  </array>
  <key>WorkingDirectory</key>
  ${text(directoryOf(bundle))}
  <key>EnvironmentVariables</key>
  <dict>
${environment.join("\n")}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ExitTimeOut</key>
  <integer>${STOP_SECONDS}</integer>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardErrorPath</key>
  ${text(`${settings.dataDir}/host.log`)}
</dict>
</plist>
`;
}

/** The directory in which the host finds the greentic.toml that counts with the bundle. */
function directoryOf(bundle: string): string {
  return /\.(?:gtbundle|ya?ml)$/.test(bundle) ? dirname(bundle) : bundle;
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
