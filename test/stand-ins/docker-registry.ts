import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Debian's registry, a process of its own over a folder of its own. */
export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
}

/** Who may use a registry that is started with `auth`. */
export const ROBOT = { user: "robot", password: "p:ss wörd" } as const;
/** bcrypt of {@link ROBOT}, the one hash that the registry takes. */
const HTPASSWD = String.raw`robot:$2y$05$pQsVTeqCd/gKHeqMOkZV/uimltm76JKShMXOFI5D29xryiGCUWwaq`;

const PROGRAM = "docker-registry";

/** Tells whether a program is there. */
export function hasProgram(name: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$0"', name]).status === 0;
}

export async function startDockerRegistry({ auth = false } = {}): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-registry-"));
  const port = await freePort();
  const htpasswd = join(dir, "htpasswd");
  writeFileSync(htpasswd, `${HTPASSWD}\n`);
  const config = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(dir, "data") }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
    ...(auth && { auth: { htpasswd: { realm: "test", path: htpasswd } } }),
  };
  // JSON is YAML.
  writeFileSync(join(dir, "config.yml"), JSON.stringify(config));
  const child = spawn(PROGRAM, ["serve", join(dir, "config.yml")], { stdio: "ignore" });
  const host = `127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
    if (response?.status === (auth ? 401 : 200)) break;
    if (tries > 200 || child.exitCode !== null) throw new Error("docker-registry doesn't start");
    await sleep(50);
  }
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill();
      if (child.exitCode === null) await once(child, "exit");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
