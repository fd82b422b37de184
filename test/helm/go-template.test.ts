import { describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { renderTemplate } from "./go-template.ts";
import { hasKubectl, renderByGo } from "./kubectl-go.ts";

if (!hasKubectl) process.stderr.write("helm chart: 6 skipped, there is no kubectl, whose text/template is Go's own\n");

const DATA = {
  Values: {
    text: 'a "b"\\c\n\té\u0001\u007f\u0085\u200b😀',
    none: "",
    zero: 0,
    many: 100_000,
    list: ["x", "y"],
    empty: [],
    map: { z: "1", a: "ünï", "b.c": "3" },
    nothing: {},
    yes: true,
    deep: { er: "in" },
  },
};

/** Template, and what Go makes of it. */
const TEMPLATES: readonly (readonly [template: string, text: string])[] = [
  ["a\n{{- if .Values.none }}\nb\n{{- end }}\nc", "a\nc"],
  ["a\n{{- if .Values.many }}\nb\n{{- else }}\nd\n{{- end }}\nc", "a\nb\nc"],
  ["a  {{ .Values.deep.er -}}  \n b", "a  inb"],
  ['{{ .Values.text | printf "%q" }}', '"a \\"b\\"\\\\c\\n\\té\\x01\\x7f\\u0085\\u200b😀"'],
  ["{{ range .Values.list }}[{{ . }}{{ $.Values.deep.er }}]{{ end }}", "[xin][yin]"],
  ["{{ range .Values.empty }}a{{ else }}b{{ end }}", "b"],
  ["{{ range $k, $v := .Values.map }}{{ $k }}={{ $v }}{{ len $v }};{{ end }}", "a=ünï5;b.c=31;z=11;"],
  [
    '{{ $c := "" }}{{ range .Values.list }}{{ $c = printf "%s%s\\n" $c . }}{{ end }}{{ $c | printf "%q" }}',
    '"x\\ny\\n"',
  ],
  ['{{ $c := "1" }}{{ if .Values.yes }}{{ $c := "2" }}{{ $c }}{{ end }}{{ $c }}', "21"],
  ["{{ or .Values.none .Values.zero .Values.deep.er }}{{ and .Values.yes .Values.zero }}", "in0"],
  ['{{ not .Values.nothing }}{{ eq .Values.none "" }}{{ ne .Values.deep.er "in" }}', "truetruefalse"],
  ['{{ gt (printf "%05v" .Values.many) (printf "%05v" .Values.zero) }}{{ .Values.many }}', "true100000"],
  ['{{ printf "%d %s" (len .Values.deep.er) (or .Values.missing "none") }}{{ .Values.missing }}', "2 none<no value>"],
  ['{{ printf "}}" }}{ {a} } "', '}}{ {a} } "'],
];

describe("the part of Go's templates that the chart is written in", () => {
  test.each(TEMPLATES)("%j", (template, text) => {
    expect(renderTemplate(template, DATA)).toBe(text);
  });

  test.skipIf(!hasKubectl)("is as Go's own text/template has it", () => {
    verifies("deploy.chart");
    const line = "\n=====\n";
    const all = TEMPLATES.map(([template]) => `{{ if true }}${template}{{ end }}`).join(line);
    expect(renderByGo(all, JSON.stringify(DATA)).split(line)).toEqual(TEMPLATES.map(([, text]) => text));
  });

  test.each([
    "{{ if .Values.yes }}",
    "{{ end }}",
    "{{ nope .Values.yes }}",
    "{{ $nope }}",
    "{{ .Values.text.more }}",
    "{{ eq .Values.zero .Values.none }}",
    "{{ gt .Values.zero .Values.many }}",
    "{{ .Values.list }}",
    '{{ printf "%x" .Values.none }}',
    '{{ printf "%s" }}',
    "{{ .Values.yes .Values.zero }}",
    "{{ (.Values.yes }}",
    "{{ .Values.yes; }}",
    "{{ with .Values.deep }}{{ .er }}{{ end }}",
  ])("refuses %j", (template) => {
    expect(() => renderTemplate(template, DATA)).toThrow(Error);
  });
});
