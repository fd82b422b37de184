import { decideAccess } from "../../config/index.ts";
import type { AccessScope, Bundle } from "../../config/index.ts";
import type { BundlePack } from "../bundle/bundle-packs.ts";
import { readNamedBundle } from "../bundle/named-bundle.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { POLICY_OPTION } from "../pack-input.ts";

export default defineCommand({
  summary: "Show what a bundle holds",
  arguments: [
    { name: "bundle", summary: "a bundle's directory, its file, or a .gtbundle image (default: here)", optional: true },
  ],
  options: [
    POLICY_OPTION,
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc bundle inspect shop.gtbundle --json"],
  async run(input, io) {
    const { bundle, packs } = await readNamedBundle(input, io);
    const shown = describe(bundle, packs);
    if (hasFlag(input, "json")) {
      printJson(io, shown);
      return;
    }
    const { apps, providers, access } = shown;
    io.stdout.write(`${shown.title ?? shown.id ?? bundle.file}  ${shown.form}, tenant ${shown.tenant}\n`);
    for (const app of apps)
      io.stdout.write(
        `app       ${app.name}  ${packLine(app)}  for ${placeOf(app)}${app.access === "public" ? "" : "  closed by the access maps"}\n`,
      );
    for (const provider of providers)
      io.stdout.write(
        `channel   ${provider.name}  ${provider.type ?? "not served"}  for ${placeOf(provider)}  ${packLine(provider)}\n`,
      );
    for (const { file, rules, ...place } of access)
      io.stdout.write(`access    ${placeOf(place)}  ${rules} rules  ${file}\n`);
  },
});

type Described = ReturnType<typeof describePack> & {
  readonly name: string;
  readonly tenant: string;
  readonly team: string | null;
};

function describe(
  bundle: Bundle,
  packs: readonly BundlePack[],
): {
  readonly form: "image" | "directory";
  readonly id: string | null;
  readonly title: string | null;
  readonly tenant: string;
  readonly team: string;
  readonly apps: readonly (Described & { readonly default_flow: string | null; readonly access: string })[];
  readonly providers: readonly (Described & { readonly type: string | null })[];
  readonly access: readonly {
    readonly tenant: string;
    readonly team: string | null;
    readonly file: string;
    readonly rules: number;
  }[];
} {
  const of = (use: BundlePack["use"], name: string, pack: string | undefined): BundlePack | undefined =>
    packs.find((one) => one.use === use && one.name === name && one.location === pack);
  return {
    form: bundle.files.isImage ? "image" : "directory",
    id: bundle.id ?? null,
    title: bundle.worker.title ?? null,
    tenant: bundle.tenant,
    team: bundle.team,
    apps: bundle.apps.map(({ name, tenant, team, pack, defaultFlow }) => {
      const found = of("app", name, pack);
      return {
        name,
        tenant,
        team: team ?? null,
        default_flow: defaultFlow ?? null,
        ...describePack(found, pack),
        access: decideAccess(bundle.access ?? [], {
          tenant,
          team: team ?? bundle.team,
          packs: [name, ...(found?.content.pack ? [found.content.pack.name] : [])],
        }).policy,
      };
    }),
    providers: bundle.providers.map(({ name, tenant, team, pack, type }) => ({
      name,
      tenant,
      team,
      type: type ?? null,
      ...describePack(of("provider", name, pack), pack),
    })),
    access: (bundle.access ?? []).map(({ tenant, team, map }: AccessScope) => ({
      tenant,
      team: team ?? null,
      file: map.file,
      rules: map.rules.length,
    })),
  };
}

function describePack(
  found: BundlePack | undefined,
  location: string | undefined,
): {
  readonly location: string | null;
  readonly reference: string | null;
  readonly pack: {
    readonly name: string;
    readonly version: string;
    readonly generation: string;
    readonly pack_hash: string;
    readonly signature: string;
    readonly ok: boolean;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
} {
  const { report, pack, error } = found?.content ?? {};
  return {
    location: location ?? null,
    reference: found?.reference ?? null,
    pack:
      pack === undefined
        ? null
        : {
            name: pack.name,
            version: pack.version,
            generation: pack.generation,
            pack_hash: pack.packHash,
            signature: report?.signature.status ?? pack.report.signature.status,
            ok: report?.ok ?? false,
          },
    error: error === undefined ? null : { code: error.code, message: error.message },
  };
}

function packLine({ pack, error, location }: ReturnType<typeof describePack>): string {
  if (pack === null) return error === null ? "no pack" : `${location ?? ""} [${error.code}]`;
  return `${pack.name} ${pack.version}  signature ${pack.signature}`;
}

function placeOf({ tenant, team }: { readonly tenant: string; readonly team: string | null }): string {
  return team === null ? tenant : `${tenant}/${team}`;
}
