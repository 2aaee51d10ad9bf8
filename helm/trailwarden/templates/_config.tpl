{{/*
The configuration that values make, before a role's own.
*/}}
{{- define "trailwarden.config" -}}
{{- mergeOverwrite (dict "version" 1 "http" (dict "listen" "0.0.0.0:9464")) (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* "true" where one process on a volume does all the work, without Kafka. What stands in an existing ConfigMap is not known: that is for Kafka. */}}
{{- define "trailwarden.isEmbedded" -}}
{{- if and (hasKey .Values.config "embedded") (not .Values.config.kafka) }}true{{ end }}
{{- end }}

{{/* All roles that there are, as a JSON list. */}}
{{- define "trailwarden.roles" -}}
{{- toJson (list "detector" "archiver" "digest" "notifier") }}
{{- end }}

{{/* The roles that have pods of their own, as a JSON list. */}}
{{- define "trailwarden.workloads" -}}
{{- $roles := list }}
{{- range include "trailwarden.roles" . | fromJsonArray }}
{{- if and (index $.Values . "enabled") (or (eq . "detector") (not (include "trailwarden.isEmbedded" $))) }}
{{- $roles = append $roles . }}
{{- end }}
{{- end }}
{{- toJson $roles }}
{{- end }}

{{/* All roles that are enabled, as a JSON list. */}}
{{- define "trailwarden.enabledRoles" -}}
{{- $roles := list }}
{{- range include "trailwarden.roles" . | fromJsonArray }}
{{- if index $.Values . "enabled" }}{{ $roles = append $roles . }}{{ end }}
{{- end }}
{{- toJson $roles }}
{{- end }}

{{/* trailwarden.yaml of a role: (dict "root" $ "role" "detector"). The embedded log is one process's, so all roles are in its file. `notifications` is left out of the other roles' files, so they need not start anew when it changes; topics.yaml, which all pods have, names the sinks without their secrets. */}}
{{- define "trailwarden.role.config" -}}
{{- $roles := list .role }}
{{- if include "trailwarden.isEmbedded" .root }}{{ $roles = include "trailwarden.enabledRoles" .root | fromJsonArray }}{{ end }}
{{- $config := mergeOverwrite (include "trailwarden.config" .root | fromYaml) (deepCopy (index .root.Values .role "config")) }}
{{- if not (has "notifier" $roles) }}{{ $config = omit $config "notifications" }}{{ end }}
{{- toYaml (set $config "roles" $roles) }}
{{- end }}

{{/* A configuration with all roles, for `topics`. */}}
{{- define "trailwarden.topicsConfig" -}}
{{- $config := include "trailwarden.config" . | fromYaml }}
{{- $roles := include "trailwarden.enabledRoles" . | fromJsonArray }}
{{- range reverse $roles }}{{ $config = mergeOverwrite $config (deepCopy (index $.Values . "config")) }}{{ end }}
{{- if not (has "notifier" $roles) }}{{ $config = omit $config "notifications" }}{{ end }}
{{- toYaml (set $config "roles" $roles) }}
{{- end }}

{{/* "true" if pods have topics.yaml, which is of all roles: what one of them needs of a topic another one may not know. */}}
{{- define "trailwarden.hasTopicsFile" -}}
{{- if and (not (include "trailwarden.isEmbedded" .)) (or (not .Values.existingConfigMap) .Values.topics.create) }}true{{ end }}
{{- end }}

{{/* "true" if a role's pods talk to AWS: S3, STS, SQS, SNS, EventBridge. Not known of an existing ConfigMap, so they may. */}}
{{- define "trailwarden.role.asksAws" -}}
{{- $config := include "trailwarden.role.config" . | fromYaml }}
{{- $keeps := or (has .role (list "archiver" "digest")) (include "trailwarden.isEmbedded" .root) }}
{{- $ours := false }}
{{- range $config.trails }}{{ if .s3 }}{{ $ours = true }}{{ end }}{{ end }}
{{- $tells := false }}
{{- range dig "notifications" "sinks" list $config }}{{ if has .type (list "sns" "eventbridge") }}{{ $tells = true }}{{ end }}{{ end }}
{{- if or .root.Values.existingConfigMap (and $keeps $ours) $tells (dig "embedded" "sqs" false $config) (eq (dig "kafka" "security" "mechanism" "" $config) "AWS_MSK_IAM") }}true{{ end }}
{{- end }}

{{/* The ports of the brokers, as a JSON list. */}}
{{- define "trailwarden.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.kafka.ports }}
{{- if not (or $ports (include "trailwarden.isEmbedded" .)) }}
{{- range splitList "," (dig "kafka" "brokers" "" .Values.config) }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" (trim .)) }}
{{- $ports = append $ports (int (default "9092" $port)) }}
{{- end }}
{{- end }}
{{- uniq $ports | toJson }}
{{- end }}

{{/* The ports of a role's sinks, as a JSON list for a policy. AWS's own are those of HTTPS; the port of a URL that is a secret is not known here, and taken for 443. */}}
{{- define "trailwarden.role.sinkPorts" -}}
{{- $ports := list }}
{{- $config := include "trailwarden.role.config" . | fromYaml }}
{{- if has "notifier" $config.roles }}
{{- range .root.Values.networkPolicy.sinks.ports }}{{ $ports = append $ports (dict "port" . "protocol" "TCP") }}{{ end }}
{{- if not $ports }}
{{- range dig "notifications" "sinks" list $config }}
{{- $address := coalesce .address .url .endpoint | default "" }}
{{- if or $address (not (has .type (list "sns" "eventbridge"))) }}
{{- $usual := hasPrefix "http://" $address | ternary "80" "443" }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" (regexFind "^[^/]+" (regexReplaceAll "^https?://" $address ""))) }}
{{- $ports = append $ports (dict "port" (int (default $usual $port)) "protocol" (eq (default "" .transport) "udp" | ternary "UDP" "TCP")) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- uniq $ports | toJson }}
{{- end }}
