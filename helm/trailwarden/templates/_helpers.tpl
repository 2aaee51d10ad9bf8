{{- define "trailwarden.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters, so that what is appended to it still makes a name. */}}
{{- define "trailwarden.fullname" -}}
{{- $name := include "trailwarden.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "trailwarden.releaseLabels" -}}
app.kubernetes.io/name: {{ include "trailwarden.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trailwarden.labels" -}}
{{ include "trailwarden.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/*
What follows is of one role: (dict "root" $ "role" "detector").
*/}}

{{- define "trailwarden.role.selectorLabels" -}}
{{ include "trailwarden.releaseLabels" .root }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "trailwarden.role.labels" -}}
{{ include "trailwarden.labels" .root }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "trailwarden.role.fullname" -}}
{{ include "trailwarden.fullname" .root }}-{{ .role }}
{{- end }}

{{- define "trailwarden.role.serviceAccountName" -}}
{{- $own := index .root.Values .role }}
{{- $common := .root.Values.serviceAccount }}
{{- if $own.serviceAccount.name }}
{{- $own.serviceAccount.name }}
{{- else if $common.create }}
{{- include "trailwarden.role.fullname" . }}
{{- else }}
{{- default "default" $common.name }}
{{- end }}
{{- end }}

{{/* A list of values that all roles have, and the role's own behind it. */}}
{{- define "trailwarden.role.list" -}}
{{- $list := concat (index .root.Values .key) (index .root.Values .role .key) }}
{{- if $list }}{{ toYaml $list }}{{ end }}
{{- end }}

{{/* A map of values that all roles have, with the role's own over it. */}}
{{- define "trailwarden.role.map" -}}
{{- $map := mergeOverwrite (deepCopy (index .root.Values .key)) (deepCopy (index .root.Values .role .key)) }}
{{- if $map }}{{ toYaml $map }}{{ end }}
{{- end }}
