import { formatFlow, readCompiledFlow } from "../../flow/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import type { PublicFlow } from "./public-manifest.ts";

/**
 * Gives a flow's source in the form that native packs carry: what is compiled is written out as a flow file, so that checking,
 * drawing and running it need no second way.
 * @throws the flow layer's errors; PACK_FILE_MISSING where the manifest names a file that isn't there
 */
export function flowSource(flow: PublicFlow, read: (path: string) => Uint8Array | undefined): string {
  if (flow.source.kind === "embedded") return compiledSource(flow.source.flow, flow);
  const { json, yaml } = flow.source;
  const compiled = json === undefined ? undefined : read(json);
  const written = yaml === undefined ? undefined : read(yaml);
  try {
    if (compiled !== undefined) return compiledSource(parseJson(compiled), flow);
  } catch (error) {
    // The source beside it is the older of the two, and may be readable where what was made of it isn't.
    if (written === undefined || !isGreenticError(error)) throw error;
  }
  if (written !== undefined) return new TextDecoder().decode(written);
  throw new GreenticError("PACK_FILE_MISSING", `Read flow ${quote(flow.id)}: no ${quote(json ?? yaml ?? "file")}`);
}

function compiledSource(value: JsonValue, { id, kind }: PublicFlow): string {
  // `flow/v1` names the form in 2025, not what the flow is for.
  const type = kind === "flow/v1" ? "messaging" : kind;
  const typed = isJsonObject(value) ? { ...value, id, kind: type } : value;
  return formatFlow(readCompiledFlow(typed, { file: `${id}.json` }));
}
