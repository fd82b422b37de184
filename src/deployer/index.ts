export type { BootstrapOptions, BootstrapStep } from "./bootstrap.ts";
export { bootstrap } from "./bootstrap.ts";
export type { Connector } from "./connectors.ts";
export { CONNECTORS, findConnector } from "./connectors.ts";
export type { InitOptions } from "./init-tenant.ts";
export { channelName, initTenant } from "./init-tenant.ts";
export type { ShelvedPack } from "./pack-shelf.ts";
export { PackShelf } from "./pack-shelf.ts";
