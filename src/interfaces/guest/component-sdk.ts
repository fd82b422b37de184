export type { ErrorDetails, HostErrorCode } from "./component-error.ts";
export { ComponentError, HostError } from "./component-error.ts";
export type { ComponentContext, ComponentDefinition, DefinedComponent } from "./define-component.ts";
export { defineComponent } from "./define-component.ts";
export type { FetchOptions, FetchResponse, HostFunctions } from "./host-functions.ts";
export type { Infer, JsonSchema, Schema } from "./schema.ts";
export { s } from "./schema.ts";
export type { Setup, SetupQuestion } from "./setup.ts";
export { decodeUtf8, encodeUtf8 } from "./utf8.ts";
