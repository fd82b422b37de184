import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Bundle } from "../config/index.ts";
import {
  formatOciReference,
  isOciReference,
  parseOciReference,
  pushComponent,
  pushPack,
  pushProvenance,
} from "../oci/index.ts";
import type { OciClient, OciReference } from "../oci/index.ts";
import { openPack, readProvenanceBeside, TRUST_NOBODY } from "../pack/index.ts";
import type { Pack } from "../pack/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { BootstrapStep } from "./bootstrap.ts";
import type { PackShelf } from "./pack-shelf.ts";

export interface PublishOptions {
  readonly bundle: Bundle;
  readonly shelf: PackShelf;
  readonly client: OciClient;
  /** `oci://host/prefix`: packs go to `prefix/<pack>:<version>`, their tools to `prefix/<pack>/<component>:<version>`. */
  readonly place: string;
  readonly nowMs: number;
}

/**
 * Publishes what a tenant runs, the packs that its bundle names and those that are registered, and the tools in them. What the
 * registry has already isn't sent again; a broken pack is published nowhere.
 * @throws OCI_…, PACK_…
 */
export async function publishPacks(options: PublishOptions): Promise<readonly BootstrapStep[]> {
  const prefix = parseOciReference(options.place);
  if (prefix.tag !== undefined || prefix.digest !== undefined)
    throw new GreenticError(
      "OCI_REFERENCE_INVALID",
      `Publish to ${quote(options.place)}: expected oci://host/prefix, got a tag or a digest too`,
    );
  const steps: BootstrapStep[] = [];
  const published = new Set<string>();
  for (const { what, bytes, provenance } of await packsOf(options)) {
    if (bytes === undefined) {
      steps.push({ what: `pack ${what}`, done: false, how: `gtc pack build . -o ${what}` });
      continue;
    }
    // Whom to trust is for those to say who load it.
    const trust = { ...TRUST_NOBODY, rejectUnsigned: false };
    const pack = await openPack(bytes, { trust, nowMs: options.nowMs, provenance });
    if (published.has(pack.packHash)) continue;
    published.add(pack.packHash);
    steps.push(...(await publish(options.client, { prefix, pack, bytes })));
  }
  return steps;
}

interface Published {
  readonly what: string;
  readonly bytes: Uint8Array | undefined;
  /** What says how it was built. */
  readonly provenance: readonly Uint8Array[];
}

async function packsOf({ bundle, shelf }: PublishOptions): Promise<readonly Published[]> {
  const files = bundle.apps.map((app) => app.pack).filter((pack) => !isOciReference(pack));
  return [
    ...(await Promise.all(
      files.map(async (file) => ({
        what: basename(file),
        bytes: existsSync(file) ? await readFile(file) : undefined,
        provenance: await readProvenanceBeside(file),
      })),
    )),
    ...(await Promise.all(
      (await shelf.list(bundle.tenant)).map(async (entry) => ({
        what: entry.name,
        bytes: await shelf.read(entry),
        provenance: await shelf.provenance(entry),
      })),
    )),
  ];
}

async function publish(
  client: OciClient,
  { prefix, pack, bytes }: { readonly prefix: OciReference; readonly pack: Pack; readonly bytes: Uint8Array },
): Promise<readonly BootstrapStep[]> {
  const { name, version, packHash } = pack;
  // Read again: a name of a pack is not always one of a repository.
  const placeOf = (path: string): OciReference =>
    parseOciReference(`${formatOciReference(prefix)}/${path}:${version.replaceAll("+", "_")}`);
  const place = placeOf(name);
  const digest = await pushPack(client, place, { bytes, labels: { name, version, packHash } });
  for (const envelope of pack.provenance) await pushProvenance(client, { ...place, digest }, envelope);
  const isUnsigned = pack.report.signature.status === "none";
  const steps: BootstrapStep[] = [
    {
      what: `pack ${name} ${version} as ${formatOciReference({ ...place, digest })}`,
      done: true,
      ...(isUnsigned && { how: "it is unsigned: gtc pack sign" }),
    },
  ];
  for (const [component, { path }] of pack.components) {
    const wasm = pack.read(path);
    if (wasm === undefined) continue;
    const tool = placeOf(`${name}/${component}`);
    const pushed = await pushComponent(client, tool, { bytes: wasm, title: component });
    steps.push({ what: `tool ${component} as ${formatOciReference({ ...tool, digest: pushed })}`, done: true });
  }
  return steps;
}
