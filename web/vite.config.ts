import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build, defineConfig } from "vite";
import type { Plugin } from "vite";

/** What the page may weigh before the first card, compressed; above it the build fails. */
const SCRIPT_LIMIT_BYTES = 60 * 1024;
const LAUNCHER_LIMIT_BYTES = 4 * 1024;

const root = import.meta.dirname;
const target = "es2023";

/** Builds the launcher, a classic script with a stable name, after the page; it shares nothing with it. */
function launcher(): Plugin {
  let outDir = "";
  return {
    name: "launcher",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      await build({
        configFile: false,
        root,
        logLevel: "warn",
        build: {
          target,
          outDir,
          emptyOutDir: false,
          copyPublicDir: false,
          lib: {
            entry: join(root, "src/embed/launcher.ts"),
            formats: ["iife"],
            name: "greenticWebchat",
            fileName: () => "webchat.js",
          },
        },
      });
      report("launcher", gzipSync(readFileSync(join(outDir, "webchat.js"))).byteLength, LAUNCHER_LIMIT_BYTES);
    },
  };
}

/** Adds up the entry and everything that it loads at once, prints it, and fails the build above the limit. */
function weigh(): Plugin {
  return {
    name: "weigh",
    apply: "build",
    generateBundle(_options, bundle) {
      const seen = new Set<string>();
      const add = (fileName: string): number => {
        const chunk = bundle[fileName];
        if (seen.has(fileName) || chunk?.type !== "chunk") return 0;
        seen.add(fileName);
        return chunk.imports.reduce((sum, next) => sum + add(next), gzipSync(chunk.code).byteLength);
      };
      const entries = Object.values(bundle).filter((chunk) => chunk.type === "chunk" && chunk.isEntry);
      report(
        "script before the first card",
        entries.reduce((sum, entry) => sum + add(entry.fileName), 0),
        SCRIPT_LIMIT_BYTES,
      );
    },
  };
}

function report(what: string, sizeBytes: number, limitBytes: number): void {
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  process.stdout.write(`${what}: ${kib(sizeBytes)} compressed, limit ${kib(limitBytes)}\n`);
  if (sizeBytes > limitBytes)
    throw new Error(`Build the page: ${what} is ${kib(sizeBytes)}, expected ${kib(limitBytes)} or less`);
}

/** Builds the page into a directory, for tests that drive it. */
export async function buildPage(dir: string): Promise<void> {
  await build({
    configFile: join(root, "vite.config.ts"),
    logLevel: "silent",
    build: { outDir: dir, emptyOutDir: true },
  });
}

export default defineConfig({
  root,
  plugins: [weigh(), launcher()],
  build: {
    target,
    outDir: "dist",
    emptyOutDir: true,
    // Everything is a file of its own: the content security policy allows neither inline scripts nor inline styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
});
