import { GreenticError, quote } from "../types/index.ts";
import { isHostInterface } from "./capabilities/declarations.ts";
import type { ComponentGrants } from "./grants.ts";
import type { ComponentInfo, ComponentLink } from "./host.ts";

/** A component of a pack as admission found it. */
export interface FoundComponent {
  readonly info: Pick<ComponentInfo, "sha256" | "imports" | "exports">;
  readonly grants: ComponentGrants;
}

/**
 * Finds who serves the imports of a component that the host doesn't have: the one other component of its pack that exports the
 * interface, and whatever that one needs in turn. An import that nobody serves is left to `checkImports`.
 * @throws COMPONENT_LINK_INVALID where several could serve an import, or components need each other in a circle
 */
export function findLinks(name: string, components: ReadonlyMap<string, FoundComponent>): readonly ComponentLink[] {
  const found = new Map<string, ComponentLink>();
  const done = new Set<string>();
  const visit = (here: string, above: readonly string[]): void => {
    if (done.has(here)) return;
    const path = [...above, here];
    for (const link of directLinks(here, components)) {
      if (path.includes(link.component)) throw invalid(here, link.interface, "it leads back to the component itself");
      found.set(link.interface, link);
      visit(link.component, path);
    }
    done.add(here);
  };
  visit(name, []);
  return [...found.values()];
}

function directLinks(name: string, components: ReadonlyMap<string, FoundComponent>): readonly ComponentLink[] {
  const wanted = (components.get(name)?.info.imports ?? []).filter((item) => !isHostInterface(item));
  return wanted.flatMap((wantedInterface) => {
    const serving = [...components].filter(
      ([other, { info }]) => other !== name && info.exports.includes(wantedInterface),
    );
    if (serving.length > 1) {
      const names = serving.map(([other]) => quote(other)).join(" and ");
      throw invalid(name, wantedInterface, `both ${names} serve it`);
    }
    return serving.map(([component, { info, grants }]): ComponentLink => ({
      interface: wantedInterface,
      sha256: info.sha256,
      component,
      grants,
    }));
  });
}

function invalid(name: string, wanted: string, state: string): GreenticError {
  return new GreenticError("COMPONENT_LINK_INVALID", `Link component ${quote(name)} for ${quote(wanted)}: ${state}`, {
    details: { interface: wanted },
  });
}
