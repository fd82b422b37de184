export { isAddressGranted, isPublicAddress } from "./address.ts";
export type { HttpHeader, HttpRequest, HttpResponse, HttpStream } from "./http-message.ts";
export { isOriginAllowed, parseOrigin } from "./origin.ts";
export type { OriginPattern } from "./origin.ts";
export { parseHttpRewrites, rewriteUrl } from "./rewrite.ts";
export type { HttpRewrite } from "./rewrite.ts";
export { openHttp, sendHttp } from "./send-http.ts";
export type { HttpOptions, ResolveHost } from "./send-http.ts";
