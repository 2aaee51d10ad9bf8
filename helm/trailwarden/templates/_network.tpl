{{/*
Where a role's pods go: (dict "root" $ "role" "detector"). A policy cannot name hosts, so ports say it, and `to` where it is set.
*/}}
{{- define "trailwarden.egress" -}}
{{- $policy := .root.Values.networkPolicy -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
  {{- with $policy.dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with include "trailwarden.kafkaPorts" .root | fromJsonArray }}
# Kafka
- ports:
    {{- range . }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  {{- with $policy.kafka.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if include "trailwarden.role.asksAws" . }}
# AWS
- ports:
    {{- range $policy.https.ports }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  {{- with $policy.https.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- with include "trailwarden.role.sinkPorts" . | fromJsonArray }}
# Sinks of notifications
- ports:
    {{- toYaml . | nindent 4 }}
  {{- with $policy.sinks.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* "true" if `helm test` has something to run: it sends a record through Kafka to the detectors. */}}
{{- define "trailwarden.hasTest" -}}
{{- if and .Values.helmTest.enabled .Values.detector.enabled (not (include "trailwarden.isEmbedded" .)) }}true{{ end }}
{{- end }}
