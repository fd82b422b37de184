import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { JsonObject } from "../../src/types/index.ts";

/** Runs kubectl on files alone: no cluster, no login. */
function kubectl(files: Readonly<Record<string, string>>, args: (dir: string) => readonly string[]): string {
  const dir = mkdtempSync(join(tmpdir(), "greentic-kubectl-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    const { status, stdout, stderr } = spawnSync("kubectl", args(dir), {
      encoding: "utf8",
      maxBuffer: 1 << 26,
      env: { PATH: process.env["PATH"] ?? "", HOME: dir, KUBECONFIG: "/dev/null" },
    });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The text/template of Go and the YAML reader of Kubernetes are in kubectl; where it isn't installed, tests that ask them skip. */
export const hasKubectl = spawnSync("kubectl", ["version", "--client"], { stdio: "ignore" }).status === 0;

/**
 * Renders a template by Go's own text/template. Helm's two functions aren't in it: they become marks, and what was in them is
 * hashed or replaced afterwards. Floats of `data` are those that are written so.
 */
export function renderByGo(template: string, data: string): string {
  const known = template
    .replaceAll("$config | sha256sum", '$config | printf "sha256<%x>"')
    .replaceAll('. | replace "." "/"', '. | printf "slashes<%x>"');
  const object = `{"apiVersion":"example.com/v1","kind":"Values","metadata":{"name":"v"},${data.trim().slice(1)}`;
  const out = kubectl({ "data.json": object, "template.txt": known }, (dir) => [
    "annotate",
    "--local",
    `--filename=${join(dir, "data.json")}`,
    "a=b",
    "--output=go-template-file",
    `--template=${join(dir, "template.txt")}`,
  ]);
  const text = (hex: string): string => Buffer.from(hex, "hex").toString();
  return out
    .replaceAll(/sha256<([0-9a-f]*)>/g, (_, hex: string) => createHash("sha256").update(text(hex)).digest("hex"))
    .replaceAll(/slashes<([0-9a-f]*)>/g, (_, hex: string) => text(hex).replaceAll(".", "/"));
}

/** Reads manifests as Kubernetes reads them, each with an annotation `a: b` more. */
export function readByKubernetes(yaml: string): readonly JsonObject[] {
  const out = kubectl({ "all.yaml": yaml }, (dir) => [
    "annotate",
    "--local",
    `--filename=${join(dir, "all.yaml")}`,
    "a=b",
    "--output=yaml",
  ]);
  return parseAllDocuments(out).map((document) => (document as { toJS(): unknown }).toJS() as JsonObject);
}
