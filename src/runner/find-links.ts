import type { ComponentGrants, ComponentInfo, ComponentLink } from "../component/index.ts";
import { isHostInterface } from "../component/index.ts";
import { GreenticError, quote } from "../types/index.ts";

/** A component of a pack as admission found it. */
export interface FoundComponent {
  readonly info: Pick<ComponentInfo, "sha256" | "imports" | "exports">;
  readonly grants: ComponentGrants;
}

/**
 * Finds who serves the imports that the host doesn't have: the one other component of the pack that exports the interface, and
 * whatever that one needs in turn. An import that nobody serves is left to `checkImports`.
 * @throws COMPONENT_LINK_INVALID where several could serve an import, or components need each other in a circle
 */
export function findLinks(
  components: ReadonlyMap<string, FoundComponent>,
): ReadonlyMap<string, readonly ComponentLink[]> {
  const direct = new Map([...components.keys()].map((name) => [name, directLinks(name, components)]));
  return new Map([...components.keys()].map((name) => [name, allLinks(name, direct)]));
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

function allLinks(
  name: string,
  direct: ReadonlyMap<string, readonly ComponentLink[]>,
  above: readonly string[] = [],
): readonly ComponentLink[] {
  const found = new Map<string, ComponentLink>();
  for (const link of direct.get(name) ?? []) {
    const path = [...above, name];
    if (path.includes(link.component)) throw invalid(name, link.interface, "it leads back to the component itself");
    for (const item of [link, ...allLinks(link.component, direct, path)]) found.set(item.interface, item);
  }
  return [...found.values()];
}

function invalid(name: string, wanted: string, state: string): GreenticError {
  return new GreenticError("COMPONENT_LINK_INVALID", `Link component ${quote(name)} for ${quote(wanted)}: ${state}`, {
    details: { interface: wanted },
  });
}
