import type { FileProblem, FileSource } from "../../linker/index.ts";
import type { HostAnswer, HostFaultCode, HostRequest } from "../host-request.ts";

const ROOT = "assets/";
const PROBLEMS: Partial<Record<HostFaultCode, FileProblem>> = {
  denied: "access",
  not_found: "no-entry",
  invalid: "file-too-large",
};

/** The pack's assets as files below the mount: listed and fetched through the parent, which judges each request. */
export function assetFiles(ask: (request: HostRequest) => Promise<HostAnswer>): FileSource {
  return {
    async list() {
      const answer = await ask({ kind: "asset-list" });
      if (answer.kind === "fault") return [];
      const files = answer.value as readonly { readonly path: string; readonly sizeBytes: number }[];
      return files.map(({ path, sizeBytes }) => ({ path: path.slice(ROOT.length), sizeBytes }));
    },
    async read(path) {
      const answer = await ask({ kind: "asset", path: `${ROOT}${path}` });
      return answer.kind === "ok" ? (answer.value as Uint8Array) : (PROBLEMS[answer.code] ?? "io");
    },
  };
}
