import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { hasServer } from "../stand-ins/server-program.ts";
import { verifies } from "../verifies.ts";
import { openShell, ROOT } from "./shell.ts";

/** Namespaces of the kernel, which stand for what a container's runtime would do: only root, and only where they are allowed. */
const canIsolate =
  process.platform === "linux" &&
  hasServer("unshare") &&
  hasServer("ip") &&
  spawnSync("unshare", ["-mnp", "--fork", "true"]).status === 0 &&
  existsSync(join(ROOT, "dist/component-host"));

/** Runs a program in the unpacked image: nobody's user, all of it read-only but /data and /tmp, no network but its own loopback. */
const INSIDE = `set -e
R="$1"; shift; HEALTH="$1"; shift
ip link set lo up
mount --bind "$R" "$R"
mount -o remount,ro,bind "$R"
mount -t tmpfs -o uid=65532,gid=65532,mode=0700 data "$R/data"
mount -t tmpfs -o mode=1777 tmp "$R/tmp"
mount -t proc proc "$R/proc"
mount --bind /dev "$R/dev"
C="$(command -v chroot || echo /usr/sbin/chroot)"
inside() { exec env -i GREENTIC_CONFIG=/etc/greentic/greentic.toml GREENTIC_ENV=prod NODE_ENV=production "$C" --userspec=65532:65532 "$R" "$@"; }
inside "$@" 2>"$R.log" &
P=$!
for i in $(seq 1 100); do grep -q '^ready' "$R.log" && break; sleep 0.1; done
(inside /usr/local/bin/node -e "$HEALTH")
(inside /usr/local/bin/node -e 'const f=require("fs");for(const d of ["/greentic","/bundle","/etc"])try{f.writeFileSync(d+"/x","");process.exit(9)}catch(e){if(e.code!=="EROFS"&&e.code!=="EACCES")throw e}')
(inside /usr/local/bin/node -e 'fetch("http://127.0.0.1:8080/status").then(async(r)=>console.log(await r.text()))')
kill -TERM "$P"
wait "$P"
`;

describe.skipIf(!canIsolate)("the image of a bundle", () => {
  test(
    "runs by the command line that compose and pods have, as nobody, with nothing but /data to write",
    { timeout: 240_000 },
    async () => {
      verifies("vision.portable", "deploy.image", "deploy.command-line");
      const shell = openShell();
      const ok = async (command: string): Promise<string> => {
        const said = await shell.run(command);
        expect(said, `${command}\n${said.stderr}`).toMatchObject({ code: 0 });
        return said.stdout;
      };
      await ok("gtc new greeter && gtc pack keygen --output acme.pem");
      mkdirSync(join(shell.dir, "shop"));
      writeFileSync(
        join(shell.dir, "shop/greentic.demo.yaml"),
        "bundle_name: Shop\ntenant: acme\nproviders:\n  webchat: { type: webchat }\napps:\n  greeter: { pack: packs/greeter.gtpack }\n",
      );
      writeFileSync(join(shell.dir, "greentic.toml"), '[security]\ntrusted_publishers = ["acme.pub"]\n');
      writeFileSync(
        join(shell.dir, "deploy.toml"),
        'bundle = "shop"\nimage = "registry.example.com/acme/shop:1.0.0"\n[serverless]\nplatform = "cloud-run"\n',
      );
      await ok(
        "gtc pack build greeter -o shop/packs/greeter.gtpack && gtc pack sign shop/packs/greeter.gtpack --key acme.pem",
      );
      await ok("gtc deployer apply --target container --store");
      expect(await ok("gtc deployer apply --target container --store")).toMatch(/^nothing to do/);
      await ok(
        "gtc deployer render --target container && gtc deployer render --target kubernetes && gtc deployer render --target serverless",
      );

      const layout = join(shell.dir, ".greentic/deployments/shop/image");
      const read = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
      const blob = (digest: string): string => join(layout, "blobs/sha256", digest.slice("sha256:".length));
      const index = read(join(layout, "index.json")) as { readonly manifests: readonly [{ readonly digest: string }] };
      const manifest = read(blob(index.manifests[0].digest)) as {
        readonly config: { readonly digest: string };
        readonly layers: readonly { readonly digest: string }[];
      };
      const { config } = read(blob(manifest.config.digest)) as {
        readonly config: { readonly Entrypoint: readonly string[]; readonly Cmd: readonly string[] };
      };
      const command = [...config.Entrypoint, ...config.Cmd];
      interface Rendered {
        readonly entrypoint?: readonly string[];
        readonly command: readonly string[];
        readonly args?: readonly string[];
        readonly healthcheck: { readonly test: readonly string[] };
      }
      const compose = (
        parse(readFileSync(join(shell.dir, "deploy/container/compose.yaml"), "utf8")) as {
          readonly services: { readonly host: Rendered };
        }
      ).services.host;
      expect([...(compose.entrypoint ?? []), ...compose.command]).toEqual(command);
      const podOf = (file: string): readonly string[] => {
        const all = readFileSync(join(shell.dir, file), "utf8")
          .split("---\n")
          .map(
            (text) =>
              parse(text) as {
                readonly kind: string;
                readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Rendered] } } };
              },
          );
        const [container] =
          all.find(({ kind }) => kind === "Deployment" || file.startsWith("deploy/serverless"))?.spec.template.spec
            .containers ?? [];
        return [...(container?.command ?? []), ...(container?.args ?? [])];
      };
      expect(podOf("deploy/serverless/service.yaml")).toEqual(command);
      expect(podOf("deploy/kubernetes/45-worker.yaml")).toEqual([...command, "--role", "worker"]);

      const root = join(shell.dir, "root");
      mkdirSync(root);
      for (const { digest } of manifest.layers) execFileSync("tar", ["-xpf", blob(digest), "-C", root]);
      expect(readdirSync(root)).not.toContain("bin");
      const health = compose.healthcheck.test.at(-1) ?? "";
      const { stdout } = await promisify(execFile)("unshare", [
        "-mnp",
        "--fork",
        "bash",
        "-c",
        INSIDE,
        "inside",
        root,
        health,
        ...command,
      ]);
      expect(JSON.parse(stdout)).toMatchObject({ status: "running", env: "prod", packs: 1, refused: [] });
      expect(readFileSync(`${root}.log`, "utf8")).toContain("draining");
    },
  );
});
