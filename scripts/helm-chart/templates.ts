import { kubernetesObjects } from "../../src/deployer/targets/kubernetes/render.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { emitFile } from "./emit.ts";
import { mergeTrees, treeOf } from "./merge.ts";
import type { Node, Part } from "./merge.ts";
import { CONFIG_VARIABLE, PLACEHOLDER_CONTENT, PLACEHOLDERS } from "./placeholders.ts";
import { SWITCHES } from "./switches.ts";
import type { Made } from "./switches.ts";

/** Makes the chart's templates of the objects that `render` makes, each under the name of its file there. */
export function templates(): ReadonlyMap<string, string> {
  const root = build({ settings: PLACEHOLDERS, content: PLACEHOLDER_CONTENT }, 0);
  if (root.kind !== "map") throw new Error("no files");
  return new Map(
    root.parts
      .map(({ id, node }): readonly [string, string] => {
        if (node.kind !== "list") throw new Error(`${id} is no list of objects`);
        const text = emitFile(node.parts);
        return [`templates/${id}`, text.includes("$config") ? `${CONFIG_VARIABLE}\n${text}` : text];
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Renders with each switch on and off, and puts the two together, from the last switch to the first. */
function build(made: Made, index: number): Node {
  const next = SWITCHES[index];
  // All files are there at all times: a condition that holds for a whole file stands at its objects.
  if (next === undefined) return filesOf(made);
  if (next.counts?.(made) === false) return build(made, index + 1);
  return mergeTrees(next.condition, build(made, index + 1), build(next.off(made), index + 1));
}

function filesOf({ settings, content }: Made): Node {
  const objects = kubernetesObjects(settings, content);
  const parts = FILES.map((id): Part => {
    const list = (objects.get(id) ?? []).map((object) => {
      const { kind, metadata } = object;
      return { id: `${kind} ${metadata.name}`, guard: true, node: sameTree(object as unknown as JsonObject) };
    });
    return { id, guard: true, node: { kind: "list", parts: list } };
  });
  return { kind: "map", parts };
}

const known = new Map<string, Node>();

/** Makes the tree of an object, the same for the same object. */
function sameTree(object: JsonObject): Node {
  const text = JSON.stringify(object);
  const tree = known.get(text) ?? treeOf(object);
  known.set(text, tree);
  return tree;
}

const FILES = [
  ...new Set([
    ...kubernetesObjects(PLACEHOLDERS, PLACEHOLDER_CONTENT).keys(),
    ...kubernetesObjects({ ...PLACEHOLDERS, autoscaling: "cpu" }, PLACEHOLDER_CONTENT).keys(),
  ]),
];
