import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM files of an authority of its own and of a certificate for localhost that it gave. */
export interface Certificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes them with openssl, for a day. */
export function makeCertificates(): Certificates {
  const dir = mkdtempSync(join(tmpdir(), "greentic-tls-"));
  const at = (name: string): string => join(dir, name);
  const openssl = (...args: readonly string[]): void => void execFileSync("openssl", args, { stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "1", "-subj", "/CN=test");
  openssl("req", ...key, "-keyout", at("key.pem"), "-out", at("request"), "-subj", "/CN=localhost");
  writeFileSync(at("names"), "subjectAltName=DNS:localhost");
  const by = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial"];
  openssl("x509", "-req", "-in", at("request"), ...by, "-out", at("cert.pem"), "-days", "1", "-extfile", at("names"));
  return { caFile: at("ca.pem"), certFile: at("cert.pem"), keyFile: at("key.pem") };
}
