/** Writes what an operator is told after an installation: what has to be there, and how to look at it. */
export function notes(): string {
  return `{{ $.Release.Name }} serves env {{ $.Values.env }} in namespace {{ $.Release.Namespace }}.
{{- if $.Values.external_secrets.store }}

Its secrets come from {{ $.Values.external_secrets.store }}: {{ $.Values.external_secrets.prefix }}{{ $.Values.env }}/host/redis-url, nats-url and token-key
(at least 32 bytes)
{{- if eq $.Values.redis "included" }}, redis-password{{ end }}
{{- if eq $.Values.nats "included" }}, nats-password{{ end }}.
{{- else }}

Its pods wait until there is the secret {{ $.Release.Name }}-host:

  kubectl create secret generic {{ $.Release.Name }}-host -n {{ $.Release.Namespace }} --from-file=token-key=FILE \\
{{- if eq $.Values.redis "included" }}
    --from-literal=redis-url=redis://:PASSWORD@{{ $.Release.Name }}-redis:6379 --from-literal=redis-password=PASSWORD \\
{{- else }}
    --from-literal=redis-url=rediss://… \\
{{- end }}
{{- if eq $.Values.nats "included" }}
    --from-literal=nats-url=nats://greentic:PASSWORD@{{ $.Release.Name }}-nats:4222 --from-literal=nats-password=PASSWORD
{{- else }}
    --from-literal=nats-url=tls://…
{{- end }}

What packs need are files of the secret {{ $.Release.Name }}-secrets, named {env}.{tenant}._.{category}.{name}.
{{- end }}

  kubectl get deployments,statefulsets -n {{ $.Release.Namespace }} -l app.kubernetes.io/instance={{ $.Release.Name }}
`;
}
