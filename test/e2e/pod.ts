/**
 * Pods of rendered manifests, as processes of this machine, by their own command, arguments, environment, mounts, probes and grace.
 * What the cluster would bring is brought like this, and nothing else is changed:
 *
 * | in a pod | here |
 * |---|---|
 * | /usr/local/bin/node, /greentic, /bundle | the Node that runs the tests, this checkout, a folder with the bundle's image |
 * | a mount | a folder of the pod's own, in arguments, variables and config maps alike; what is in it as the kubelet writes it: links into a folder that is swapped, with the mode and group of the volume |
 * | a port of the container | a free one, in arguments and probes |
 * | user, and a root that can't be written | that user where the tests are root's, who may write to mounts alone; otherwise who runs the tests |
 * | the image's directory and PATH | the folder of /data, and nothing on PATH that a host could need |
 * | the names of other hosts | what `env` adds |
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, SERVER_PATH } from "../stand-ins/server-program.ts";
import { ROOT } from "./shell.ts";

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly exec?: { readonly command: readonly string[] };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
  readonly timeoutSeconds?: number;
}
type ProbeName = "startupProbe" | "livenessProbe" | "readinessProbe";

interface Container extends Readonly<Partial<Record<ProbeName, Probe>>> {
  readonly name: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: {
    readonly secretName: string;
    readonly defaultMode: number;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
    readonly optional?: boolean;
  };
}

/** The pod of a Deployment or StatefulSet, as far as it is read. */
export interface PodSpec {
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext: { readonly runAsUser: number; readonly fsGroup: number };
  readonly containers: readonly [Container];
  readonly volumes?: readonly Volume[];
}

/** What stands in the cluster's objects of these names, and what no manifest says. */
export interface Cluster {
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly secrets: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** The folder with the bundle's image. */
  readonly bundle: string;
}

export interface PodOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments for what an image would have at its default port. */
  readonly args?: (ports: ReadonlyMap<string, number>) => readonly string[];
  /** The same for what a probe runs. */
  readonly probeWords?: (ports: ReadonlyMap<string, number>) => Readonly<Record<string, string>>;
}

/** Kubernetes' own, where a pod says nothing. */
const GRACE_SECONDS = 30;
/** What the kubelet waits for where there is no probe of the start. */
const START_SECONDS = 60;

/** Whether processes can be those of a pod's user: as root, and where that user may read what they run. */
const canBe = (user: number): boolean =>
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, [join(ROOT, "src/cli/main.ts"), "--version"], { uid: user, gid: user }).status === 0;

/** Starts a pod, and waits until its first probe is content. */
export async function startPod(spec: PodSpec, cluster: Cluster, options: PodOptions = {}): Promise<Pod> {
  const ports = new Map<string, number>();
  for (const { name } of spec.containers[0].ports) ports.set(name, await freePort());
  const pod = new Pod(spec, { cluster, options, ports });
  await pod.started();
  return pod;
}

export class Pod {
  /** Its root on this machine. */
  readonly root = mkdtempSync(join(tmpdir(), "greentic-pod-"));
  /** What it wrote on both streams so far. */
  readonly said: string[] = [];
  readonly #spec: PodSpec;
  readonly #container: Container;
  readonly #ports: ReadonlyMap<string, number>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  readonly #given: ReadonlySet<string>;
  readonly #env: Readonly<Record<string, string>>;
  readonly #words: (text: string) => string;

  constructor(
    spec: PodSpec,
    {
      cluster,
      options,
      ports,
    }: { readonly cluster: Cluster; readonly options: PodOptions; readonly ports: ReadonlyMap<string, number> },
  ) {
    const [container] = spec.containers;
    const { runAsUser, fsGroup } = spec.securityContext;
    const identity = canBe(runAsUser) ? { uid: runAsUser, gid: fsGroup } : undefined;
    this.#spec = spec;
    this.#container = container;
    this.#ports = ports;
    const places: Readonly<Record<string, string>> = {
      "/usr/local/bin/node": process.execPath,
      "/greentic": ROOT,
      "/bundle": cluster.bundle,
      ...Object.fromEntries(container.volumeMounts.map(({ mountPath }) => [mountPath, join(this.root, mountPath)])),
    };
    const pathsIn = replacing(places, { before: "(?<![\\w./-])", after: "(?=$|[/\"'\\s,])" });
    chmodSync(this.root, 0o755);
    this.#mount(cluster, { pathsIn, group: identity?.gid });
    this.#env = Object.fromEntries(
      container.env.map(({ name, value, valueFrom }) => [
        name,
        valueFrom === undefined ? pathsIn(value ?? "") : secretOf(cluster, valueFrom.secretKeyRef),
      ]),
    );
    const words = container.args.map((word) =>
      pathsIn(word.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => this.#env[name] ?? whole)),
    );
    const portOf = new Map(container.ports.map(({ name, containerPort }) => [String(containerPort), ports.get(name)]));
    const args = [...words.map((word) => String(portOf.get(word) ?? word)), ...(options.args?.(ports) ?? [])];
    this.#given = new Set(this.#fixedFiles());
    this.#words = replacing(options.probeWords?.(ports) ?? {}, { before: "\\b", after: "\\b" });
    const [program = "", ...own] = container.command.map(pathsIn);
    this.#child = spawn(program, [...own, ...args], {
      cwd: places["/data"],
      env: {
        PATH: program.startsWith("/") ? "/usr/local/bin" : SERVER_PATH,
        TMPDIR: places["/tmp"] ?? this.root,
        ...this.#env,
        ...options.env,
      },
      stdio: ["ignore", "pipe", "pipe"],
      ...identity,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null) createInterface({ input: stream }).on("line", (line) => this.said.push(line));
    this.#ended = new Promise((done) => this.#child.once("exit", (code) => done(code ?? -1)));
  }

  /** An address of a port by its name. */
  url(port = "http"): string {
    return `http://127.0.0.1:${this.#ports.get(port)}`;
  }

  port(name: string): number {
    return this.#ports.get(name) ?? 0;
  }

  /** Asks as the kubelet asks. */
  async probe(name: ProbeName): Promise<boolean> {
    const { httpGet, exec, timeoutSeconds = 1 } = this.#container[name] ?? {};
    if (httpGet !== undefined) {
      const signal = AbortSignal.timeout(timeoutSeconds * 1_000);
      return fetch(this.url(httpGet.port) + httpGet.path, { signal }).then(
        ({ status }) => status >= 200 && status < 400,
        () => false,
      );
    }
    if (exec === undefined) throw new Error(`${this.#container.name} has no ${name}`);
    const [program = "", ...args] = exec.command.map(this.#words);
    return spawnSync(program, args, { env: { PATH: SERVER_PATH, ...this.#env } }).status === 0;
  }

  /** Waits as long as its probe of the start allows. */
  async started(): Promise<void> {
    const { startupProbe } = this.#container;
    const { periodSeconds = 10, failureThreshold = START_SECONDS / periodSeconds } = startupProbe ?? {};
    const endMs = performance.now() + periodSeconds * failureThreshold * 1_000;
    while (!(await this.probe(startupProbe === undefined ? "readinessProbe" : "startupProbe"))) {
      if (performance.now() > endMs || this.#child.exitCode !== null)
        throw new Error(`${this.#container.name} doesn't start:\n${this.said.slice(-20).join("\n")}`);
      await sleep(100);
    }
  }

  /**
   * SIGTERM, and SIGKILL when the grace is over, of which the sleep before SIGTERM takes its part; returns the exit code, -1 where a
   * signal ended it.
   */
  async terminate(): Promise<number> {
    const { terminationGracePeriodSeconds = GRACE_SECONDS } = this.#spec;
    const restSeconds = terminationGracePeriodSeconds - (this.#container.lifecycle?.preStop.sleep.seconds ?? 0);
    const late = setTimeout(() => this.#child.kill("SIGKILL"), restSeconds * 1_000);
    this.#child.kill("SIGTERM");
    const code = await this.#ended;
    clearTimeout(late);
    return code;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** What stands in its root since it was started and in no volume that it may write to. */
  writtenBeside(): readonly string[] {
    return this.#fixedFiles().filter((path) => !this.#given.has(path));
  }

  #fixedFiles(): readonly string[] {
    const writable = this.#container.volumeMounts.filter(({ readOnly }) => readOnly !== true);
    return readdirSync(this.root, { recursive: true, encoding: "utf8" })
      .map((path) => `/${path}`)
      .filter((path) => !writable.some(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`)));
  }

  #mount(
    cluster: Cluster,
    { pathsIn, group }: { readonly pathsIn: (text: string) => string; readonly group: number | undefined },
  ): void {
    for (const { name, mountPath } of this.#container.volumeMounts) {
      const dir = join(this.root, mountPath);
      mkdirSync(dir, { recursive: true });
      const { configMap, secret } = this.#spec.volumes?.find((volume) => volume.name === name) ?? {};
      if (configMap === undefined && secret === undefined) {
        // As an empty directory comes: everybody's, and the group's whatever is made in it.
        if (group !== undefined) chownSync(dir, 0, group);
        chmodSync(dir, 0o2777);
        continue;
      }
      const data =
        secret === undefined ? cluster.configMaps.get(configMap?.name ?? "") : cluster.secrets.get(secret.secretName);
      if (data === undefined && secret?.optional === true) continue;
      if (data === undefined) throw new Error(`there is no ${configMap?.name ?? secret?.secretName ?? name}`);
      const items = secret?.items ?? Object.keys(data).map((key) => ({ key, path: key }));
      mkdirSync(join(dir, "..2026_11_21"));
      symlinkSync("..2026_11_21", join(dir, "..data"));
      for (const { key, path } of items) {
        const text = data[key];
        if (text === undefined) throw new Error(`${name} has no ${key}`);
        const file = join(dir, "..2026_11_21", path);
        writeFileSync(file, secret === undefined ? pathsIn(text) : text);
        if (group !== undefined) chownSync(file, 0, group);
        chmodSync(file, secret?.defaultMode ?? 0o644);
        symlinkSync(join("..data", path), join(dir, path));
      }
    }
  }
}

function secretOf({ secrets }: Cluster, { name, key }: { readonly name: string; readonly key: string }): string {
  const value = secrets.get(name)?.[key];
  if (value === undefined) throw new Error(`the secret ${name} has no ${key}`);
  return value;
}

/** Makes a function that puts one text in another's place, the longest first. */
function replacing(
  table: Readonly<Record<string, string>>,
  { before, after }: { readonly before: string; readonly after: string },
): (text: string) => string {
  const names = Object.keys(table).sort((a, b) => b.length - a.length);
  if (names.length === 0) return (text) => text;
  const found = new RegExp(`${before}(?:${names.map((name) => RegExp.escape(name)).join("|")})${after}`, "g");
  return (text) => text.replaceAll(found, (name) => table[name] ?? name);
}
