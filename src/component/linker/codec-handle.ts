import type { AbiContext } from "./abi-context.ts";
import type { Codec } from "./codec.ts";
import { misfit } from "./codec.ts";
import { nextI32 } from "./codec-primitive.ts";
import type { ResourceType } from "./component-types.ts";
import { GuestResource } from "./guest-resource.ts";
import type { Handle } from "./handles.ts";
import { abiTrap } from "./trap.ts";

/** Makes the codec of `own<resource>`: the handle changes hands. */
export function ownCodec(resource: ResourceType): Codec {
  return handleCodec(
    (cx, index) => toValue(cx, resource, cx.handles.removeOwn(index, resource), true),
    (cx, value) => {
      const rep = resource.definedBy === null ? asObject(value) : asGuest(value).takeFor(cx.owner, resource);
      return cx.handles.add({ resource, rep, isOwn: true, scope: null, lends: 0 });
    },
  );
}

/** Makes the codec of `borrow<resource>`: the owner keeps its handle and lends it for the time of the call. */
export function borrowCodec(resource: ResourceType): Codec {
  return handleCodec(
    (cx, index) => {
      const handle = cx.handles.get(index, resource);
      const scope = cx.scope ?? abiTrap("a borrow outside a call");
      scope.lend(handle);
      return toValue(cx, resource, handle.rep, false);
    },
    (cx, value) => {
      const rep = resource.definedBy === null ? asObject(value) : asGuest(value).repFor(cx.owner, resource);
      // The component that defines the resource gets the representation itself.
      if (resource.definedBy === cx.instance) return Number(rep);
      const scope = cx.scope ?? abiTrap("a borrow outside a call");
      const handle: Handle = { resource, rep, isOwn: false, scope, lends: 0 };
      const index = cx.handles.add(handle);
      scope.borrows++;
      return index;
    },
  );
}

function handleCodec(
  lift: (cx: AbiContext, index: number) => unknown,
  lower: (cx: AbiContext, value: unknown) => number,
): Codec {
  return {
    size: 4,
    align: 4,
    flat: "i",
    cost: 64,
    load: (cx, pointer) => lift(cx, cx.view.getUint32(pointer, true)),
    store: (cx, value, pointer) => cx.view.setUint32(pointer, lower(cx, value) >>> 0, true),
    lift: (cx, flat) => lift(cx, nextI32(flat) >>> 0),
    lower: (cx, value, out) => void out.push(lower(cx, value) | 0),
  };
}

function toValue(cx: AbiContext, resource: ResourceType, rep: unknown, isOwn: boolean): unknown {
  if (resource.definedBy === null) return rep;
  return new GuestResource(resource, rep, {
    owner: cx.owner,
    dispose: isOwn ? (last) => cx.owner.destroy(resource, last) : null,
  });
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : misfit("a resource's object", value);
}

function asGuest(value: unknown): GuestResource {
  return value instanceof GuestResource ? value : misfit("a resource of this component", value);
}
