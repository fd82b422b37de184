import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sessionOf } from "../../../conformance/blob-store.ts";
import { verifies } from "../../../test/verifies.ts";
import { openMemoryBlobs } from "../../blob/index.ts";
import { readDataUrl } from "./data-url.ts";
import { isProgramName, safeFileName } from "./file-name.ts";
import { FileKeeper } from "./keep-files.ts";
import { DEFAULT_FILE_RULES, judgeFile } from "./rules.ts";

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");
const PNG = latin1("\u0089PNG\r\n\u001a\n\0\0\0\rIHDR");
const judge = (head: Uint8Array, mimeType: string, name?: string) =>
  judgeFile(head, { mimeType, name }, DEFAULT_FILE_RULES);

describe("judgeFile()", () => {
  test("believes the bytes where they tell, and refuses a claim that they don't bear out", () => {
    verifies("attachments.types");
    expect(judge(PNG, "image/png", "a.png")).toMatchObject({ kind: "taken", type: "image/png" });
    expect(judge(PNG, "text/plain", "a.txt")).toMatchObject({ kind: "taken", type: "image/png" });
    expect(judge(latin1("plain"), "image/png", "a.png")).toMatchObject({
      kind: "refused",
      type: "application/octet-stream",
    });
    expect(judge(latin1("%PDF-1.7"), "application/octet-stream", "x")).toMatchObject({
      kind: "taken",
      type: "application/pdf",
    });
    expect(judge(latin1("a,b\n1,2"), "application/octet-stream", "x.csv")).toMatchObject({
      kind: "taken",
      type: "text/csv",
    });
    expect(judge(latin1("a\0b"), "text/plain")).toMatchObject({ kind: "refused" });
    expect(judge(latin1("hi"), "TEXT/Plain; charset=utf-8")).toMatchObject({
      kind: "taken",
      type: "text/plain",
      name: "file.txt",
    });
  });

  test("takes office files by their container, and no container for what can't be in it", () => {
    const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    expect(judge(latin1("PK\u0003\u0004"), docx, "a.docx")).toMatchObject({ kind: "taken", type: docx });
    expect(judge(latin1("PK\u0003\u0004"), "image/png", "a.png")).toMatchObject({ type: "application/zip" });
    expect(judge(latin1("OggS\0"), "audio/ogg", "voice.ogg")).toMatchObject({ kind: "taken", type: "audio/ogg" });
    expect(judge(latin1("\0\0\0\u0018ftypheic"), "image/heic", "a.heic")).toMatchObject({
      kind: "taken",
      type: "image/heic",
    });
  });

  test.each([
    ["MZ\u0090\0", "image/png", "a.png"],
    ["\u007fELF\u0002", "application/pdf", "a.pdf"],
    ["#!/bin/sh\nrm -rf", "text/plain", "notes.txt"],
    ["\0asm\u0001\0\0\0", "application/zip", "a.zip"],
    ["\u00ca\u00fe\u00ba\u00be", "image/jpeg", "a.jpg"],
    ["hello", "text/plain", "run.exe"],
    ["hello", "text/plain", "run.EXE. ."],
    ["PK\u0003\u0004", "application/zip", "app.jar"],
    ["hello", "text/plain", "../../etc/x.bat"],
  ])("refuses the program %j whatever it claims", (head, type, name) => {
    expect(judge(latin1(head), type, name)).toMatchObject({ kind: "refused", error: "MESSAGING_FILE_TYPE_REFUSED" });
    const all = judgeFile(
      latin1(head),
      { mimeType: type, name },
      { types: ["*", "application/*", "application/octet-stream"] },
    );
    expect(all.kind).toBe("refused");
  });

  test.each([
    ["<!DOCTYPE html><p>", "text/html"],
    ["\n\n <!-- x --> <script>1</script>", "text/html"],
    ["\u00ef\u00bb\u00bf<html>", "text/html"],
    ["<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>", "image/svg+xml"],
    ["<?xml version='1.0'?><svg >", "image/svg+xml"],
    ["<?xml version='1.0'?><x/>", "application/xml"],
    [Buffer.from("\ufeff<html><script>", "utf16le").toString("latin1"), "text/html"],
  ])("knows what a browser would run in %j", (head, type) => {
    for (const claim of ["image/png", "text/plain", "image/gif"]) {
      expect(judge(latin1(head), claim, "a.png")).toMatchObject({ kind: "refused", type });
    }
    expect(judgeFile(latin1(head), { mimeType: type, name: "a" }, { types: [type] }).kind).toBe("taken");
  });
});

describe("safeFileName()", () => {
  test("takes away what paths, file systems, headers and eyes trip over", () => {
    expect(safeFileName("../../etc/passwd", "text/plain")).toBe("passwd");
    expect(safeFileName("C:\\temp\\report.pdf", "application/pdf")).toBe("report.pdf");
    expect(safeFileName("in\u202evoice\u0000 fdp.pdf", "application/pdf")).toBe("in_voice_ fdp.pdf");
    expect(safeFileName('a"b\r\nX: y.png', "image/png")).toBe("a_b__X_ y.png");
    expect(safeFileName(".htaccess", "text/plain")).toBe("htaccess");
    expect(safeFileName("CON.txt", "text/plain")).toBe("_CON.txt");
    expect(safeFileName("photo.html", "image/png")).toBe("photo.html.png");
    expect(safeFileName("年度報告 final.pdf", "application/pdf")).toBe("年度報告 final.pdf");
    for (const empty of [undefined, "", "..", "/", "\u0000"]) expect(safeFileName(empty, "image/png")).toBe("file.png");
    expect(safeFileName(`${"x".repeat(500)}.pdf`, "application/pdf")).toMatch(/^x+….pdf$|^x+\.pdf$/);
  });

  test("is a name for every text, and stays itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        const name = safeFileName(text, "image/png");
        expect(name.length).toBeGreaterThan(0);
        expect(name.length).toBeLessThanOrEqual(128);
        expect(name).not.toMatch(/[\p{Cc}\p{Cf}/\\<>:"|?*]|^\.|\.$/u);
        expect(name.isWellFormed()).toBe(true);
        expect(safeFileName(name, "image/png")).toBe(name);
        expect(isProgramName(`${name}.exe`)).toBe(true);
      }),
    );
  });
});

describe("FileKeeper", () => {
  const blobs = openMemoryBlobs();
  const keeper = new FileKeeper({
    blobs,
    rules: { ...DEFAULT_FILE_RULES, maxBytes: 8 },
    keepMs: () => 1_000,
    nowMs: () => 0,
  });
  const content = async function* (...parts: readonly string[]): AsyncGenerator<Uint8Array, void> {
    for (const part of parts) yield latin1(part);
  };

  test("names what it keeps and says why it keeps nothing", async () => {
    const owner = sessionOf("acme");
    const kept = await keeper.keep(owner, { content: content("he", "llo"), mimeType: "text/plain", name: "a/b.txt" });
    expect(kept).toEqual({
      mime_type: "text/plain",
      name: "b.txt",
      size_bytes: 5,
      url: "blob:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    });
    const large = await keeper.keep(owner, { content: content("123456", "789"), mimeType: "text/plain" });
    expect(large).toEqual({ mime_type: "text/plain", name: "file.txt", content: { code: "MESSAGING_FILE_TOO_LARGE" } });
    const program = await keeper.keep(owner, { content: content("MZ"), mimeType: "image/png", name: "a.png" });
    expect(program).toMatchObject({ content: { code: "MESSAGING_FILE_TYPE_REFUSED" } });
    const empty = await keeper.keep(owner, { content: content(), mimeType: "text/plain", name: "e.txt" });
    expect(empty).toMatchObject({ size_bytes: 0 });
  });

  test("keeps the bytes of data: URLs, and says where there are none", async () => {
    const owner = sessionOf("acme");
    const keepUrl = (url: string) => keeper.keepDataUrl(owner, { mime_type: "x/y", url, name: "a.txt" });
    expect(await keepUrl("data:text/plain;base64,aGVsbG8=")).toMatchObject({ mime_type: "text/plain", size_bytes: 5 });
    expect(await keepUrl("data:,a%20b")).toMatchObject({ size_bytes: 3 });
    for (const broken of ["data:text/plain;base64,*", "data:,%E0%A4%A", "data:text/plain", "https://x.example"])
      expect(await keepUrl(broken)).toMatchObject({ content: { code: "MESSAGING_FILE_UNREADABLE" } });
    expect(readDataUrl("data:;base64,AAEC")).toEqual({ mimeType: "text/plain", bytes: Buffer.from([0, 1, 2]) });
  });
});
