export type { BuildOptions, BuiltComponent } from "./authoring/build-component.ts";
export { buildComponent } from "./authoring/build-component.ts";
export type { ComponentLanguage, ComponentSource } from "./authoring/component-source.ts";
export { COMPONENT_SOURCE_FILE, readComponentSource } from "./authoring/component-source.ts";
export type { ComponentCheck, ComponentDiagnosis } from "./authoring/doctor-component.ts";
export { doctorComponent } from "./authoring/doctor-component.ts";
export type { FetchedComponent } from "./authoring/fetch-component.ts";
export { fetchComponent } from "./authoring/fetch-component.ts";
export type { HttpStub } from "./authoring/http-stubs.ts";
export { parseHttpStubs } from "./authoring/http-stubs.ts";
export { inspectComponent } from "./authoring/inspect-component.ts";
export type { NewComponent } from "./authoring/new-component.ts";
export { newComponent } from "./authoring/new-component.ts";
export { newProviderComponents } from "./authoring/new-provider.ts";
export type { ComponentCase, ComponentCaseReport } from "./authoring/test-cases.ts";
export { readCases, runCase } from "./authoring/test-cases.ts";
export type { ComponentTest, ComponentTestReport } from "./authoring/test-component.ts";
export { testComponent } from "./authoring/test-component.ts";
export { checkImports } from "./capabilities/declarations.ts";
export { findLinks } from "./find-links.ts";
export type { ComponentGrants } from "./grants.ts";
export { NO_GRANTS } from "./grants.ts";
export type {
  CallStats,
  ComponentAbi,
  ComponentCall,
  ComponentDescription,
  ComponentHost,
  ComponentInfo,
  ComponentLink,
  ComponentResult,
  DescribedOperation,
  HostAsset,
  HostHttpRequest,
  HostHttpResponse,
  HostOAuth,
  HostServices,
} from "./host.ts";
export type { LinkerLimits } from "./linker/index.ts";
export { DEFAULT_LIMITS } from "./linker/index.ts";
export { InProcessComponentHost } from "./process/in-process-host.ts";
export type { ProcessHostOptions } from "./process/process-host.ts";
export { ProcessComponentHost } from "./process/process-host.ts";
