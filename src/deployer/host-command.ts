import type { RoleName } from "../config/index.ts";

/** Where everything is in an image; the manifests of all targets say the same. */
export const IN_IMAGE = {
  node: "/usr/local/bin/node",
  main: "/greentic/src/cli/main.ts",
  bundle: "/bundle/app.gtbundle",
  /** The one place that is written to. */
  data: "/data",
  config: "/etc/greentic/greentic.toml",
  /** Secrets as files, as `secrets.mounted_dir` reads them. */
  secrets: "/run/secrets/greentic",
  /** The key that all gateways share, beside what they log in with. */
  tokenKey: "/run/secrets/greentic-host/token-key",
  port: 8080,
  /** Nobody: the user that distroless images call nonroot. */
  user: 65_532,
} as const;

/** What a host is started with. */
export interface HostCommand {
  readonly bundle: string;
  readonly host: string;
  readonly port: number;
  readonly data: string;
  /** All where absent. */
  readonly roles?: readonly RoleName[];
}

/** Makes the arguments behind the program; every target's command line and the tests' come from here. */
export function hostArgs({ bundle, host, port, data, roles }: HostCommand): readonly string[] {
  return [
    "start",
    bundle,
    "--host",
    host,
    "--port",
    String(port),
    "--data",
    data,
    ...(roles === undefined ? [] : ["--role", roles.join(",")]),
  ];
}

/** Makes the arguments of a process in an image. */
export function imageArgs(roles?: readonly RoleName[]): readonly string[] {
  const { bundle, port, data } = IN_IMAGE;
  return hostArgs({ bundle, host: "0.0.0.0", port, data, ...(roles && { roles }) });
}

/** The program of an image. */
export const IMAGE_ENTRYPOINT: readonly string[] = [IN_IMAGE.node, IN_IMAGE.main];

/** Asks the host in the same container whether it takes traffic: images have no shell and no curl. */
export const HEALTH_COMMAND: readonly string[] = [
  IN_IMAGE.node,
  "-e",
  `fetch("http://127.0.0.1:${IN_IMAGE.port}/readyz").then(({ok})=>process.exit(ok?0:1),()=>process.exit(1))`,
];

/** How long a host may take to end what is at hand: it drains within ten seconds. */
export const STOP_SECONDS = 20;
