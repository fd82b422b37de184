import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** What a command said and how it ended. */
interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty directory with a home of its own, in which the programs of this package are on PATH, as after `npm link`. */
export interface Shell {
  readonly dir: string;
  run(
    command: string,
    options?: {
      readonly input?: string;
      readonly env?: Readonly<Record<string, string>>;
      /** Hears all that stderr has said so far, each time that it says more. */
      readonly hear?: (stderr: string) => void;
    },
  ): Promise<Said>;
}

export function openShell(): Shell {
  const base = mkdtempSync(join(tmpdir(), "greentic-shell-"));
  const dir = join(base, "work");
  const bin = join(base, "bin");
  for (const path of [dir, bin, join(base, "home")]) mkdirSync(path);
  for (const file of readdirSync(join(ROOT, "bin")))
    symlinkSync(join(ROOT, "bin", file), join(bin, basename(file, ".mjs")));
  const PATH = [bin, dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  return {
    dir,
    run: (command, options = {}) =>
      new Promise((done, fail) => {
        const child = spawn("bash", ["-c", command], {
          cwd: dir,
          env: { PATH, HOME: join(base, "home"), ...options.env },
        });
        let stdout = "";
        let stderr = "";
        child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          stderr += text;
          options.hear?.(stderr);
        });
        child.on("error", fail);
        child.on("close", (code) => done({ code: code ?? -1, stdout, stderr }));
        // A command that ended before it read has nothing to hear.
        child.stdin.on("error", () => undefined);
        child.stdin.end(options.input ?? "");
      }),
  };
}
