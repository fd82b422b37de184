import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Where helm isn't installed, tests that ask it skip. */
export const hasHelm = spawnSync("helm", ["version"], { stdio: "ignore" }).status === 0;

/** Runs helm with a home of its own, and no cluster but the one that is named; `values` become a file. Resolves with what it printed. */
export async function helm(
  args: readonly string[],
  { values, server = "http://127.0.0.1:9" }: { readonly values?: object; readonly server?: string } = {},
): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), "greentic-helm-"));
  try {
    const file = join(home, "values.json");
    writeFileSync(file, JSON.stringify(values ?? {}));
    const { stdout } = await promisify(execFile)(
      "helm",
      [...args, ...(values === undefined ? [] : ["--values", file]), "--kube-apiserver", server],
      { env: { PATH: process.env["PATH"] ?? "", HOME: home, KUBECONFIG: "/dev/null" }, maxBuffer: 1 << 26 },
    );
    return stdout;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
