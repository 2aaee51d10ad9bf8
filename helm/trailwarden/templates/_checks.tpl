{{/*
What the schema cannot say: values that do not go together. Each line says what to do; all of them are told at once.
*/}}
{{- define "trailwarden.checks" -}}
{{- $wrong := concat (include "trailwarden.checks.config" . | fromJsonArray) (include "trailwarden.checks.roles" . | fromJsonArray) (include "trailwarden.checks.notifications" . | fromJsonArray) (include "trailwarden.checks.scaling" . | fromJsonArray) (include "trailwarden.checks.around" . | fromJsonArray) }}
{{- if $wrong }}
{{- fail (printf "these values do not work together:\n  - %s" (join "\n  - " $wrong)) }}
{{- end }}
{{- end }}

{{- define "trailwarden.checks.config" -}}
{{- $wrong := list }}
{{- $values := .Values }}
{{- $own := false }}
{{- range include "trailwarden.roles" . | fromJsonArray }}
  {{- if index $values . "config" }}{{ $own = true }}{{ end }}
  {{- if hasKey (index $values . "config") "roles" }}
  {{- $wrong = append $wrong (printf "%s.config.roles: the chart writes `roles`; take it out and use %s.enabled" . .) }}
  {{- end }}
{{- end }}
{{- if dig "http" "tls" "" $values.config }}
  {{- $wrong = append $wrong "config.http.tls: probes and scrapes speak plain HTTP on port 9464, so no pod would become ready; take it out" }}
{{- end }}
{{- if hasKey $values.config "roles" }}
{{- $wrong = append $wrong "config.roles: the chart writes `roles` for each StatefulSet; take it out and use detector.enabled, archiver.enabled, digest.enabled and notifier.enabled" }}
{{- end }}
{{- if $values.existingConfigMap }}
  {{- if or $values.config $own }}
  {{- $wrong = append $wrong "existingConfigMap and config exclude each other: put the configuration into the ConfigMap, under detector.yaml, archiver.yaml, digest.yaml and notifier.yaml, or unset existingConfigMap" }}
  {{- end }}
{{- else }}
  {{- if and (hasKey $values.config "embedded") $values.config.kafka }}
  {{- $wrong = append $wrong "config.kafka and config.embedded exclude each other: take one of them out" }}
  {{- else if not (or (hasKey $values.config "embedded") $values.config.kafka) }}
  {{- $wrong = append $wrong "nothing says what is read: set config.kafka.brokers and config.kafka.input, or config.embedded for one pod without Kafka, or existingConfigMap" }}
  {{- else if and $values.config.kafka (not (dig "kafka" "brokers" "" $values.config)) }}
  {{- $wrong = append $wrong "config.kafka.brokers is empty: set it to \"HOST:PORT,HOST:PORT\"" }}
  {{- end }}
  {{- range include "trailwarden.roles" . | fromJsonArray }}
    {{- $listen := dig "http" "listen" "0.0.0.0:9464" (mergeOverwrite (deepCopy $values.config) (deepCopy (index $values . "config"))) }}
    {{- if and (index $values . "enabled") (not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]):9464$" $listen)) }}
    {{- $wrong = append $wrong (printf "http.listen of the %s is %s: probes and scrapes ask port 9464 of the pod's own address; leave it out, or set 0.0.0.0:9464 or [::]:9464" . $listen) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "trailwarden.checks.roles" -}}
{{- $wrong := list }}
{{- $values := .Values }}
{{- $embedded := include "trailwarden.isEmbedded" . }}
{{- if not (include "trailwarden.enabledRoles" . | fromJsonArray) }}
{{- $wrong = append $wrong "every role is off: set detector.enabled, archiver.enabled, digest.enabled or notifier.enabled" }}
{{- end }}
{{- range list "archiver" "digest" }}
  {{- if and (index $values . "enabled") (not $values.existingConfigMap) (not (dig "trails" list (mergeOverwrite (deepCopy $values.config) (deepCopy (index $values . "config"))))) }}
  {{- $wrong = append $wrong (printf "%s.enabled needs a trail: set config.trails, for example [{name: main, home_region: eu-west-1, s3: {bucket: my-trail}}]" .) }}
  {{- end }}
{{- end }}
{{- if and $values.digest.enabled (not $values.archiver.enabled) (not $values.digest.archiversElsewhere) }}
{{- $wrong = append $wrong "digest.enabled needs archivers, which write the manifest topic that it reads: set archiver.enabled, or digest.archiversElsewhere where another release has them" }}
{{- end }}
{{- if and $values.digest.enabled $values.digest.archiversElsewhere $values.archiver.enabled }}
{{- $wrong = append $wrong "digest.archiversElsewhere: archiver.enabled is on here; unset one of them" }}
{{- end }}
{{- if and $values.digest.enabled (not $embedded) (not $values.digest.persistence.enabled) (not $values.digest.extraVolumeMounts) }}
{{- $wrong = append $wrong "digest.persistence.enabled is off, so the keys that sign digests would go with the pod: turn it on, or mount a volume for trails[].digest.key_directory with digest.extraVolumes and digest.extraVolumeMounts" }}
{{- end }}
{{- if and $embedded $values.topics.create }}
{{- $wrong = append $wrong "topics.create: config.embedded has no topics; turn it off, or use config.kafka" }}
{{- end }}
{{- if $embedded }}
  {{- if not $values.detector.enabled }}
  {{- $wrong = append $wrong "config.embedded: archiver, digest writer and notifier work in the detector's process; set detector.enabled" }}
  {{- end }}
  {{- if ne (int $values.detector.replicas) 1 }}
  {{- $wrong = append $wrong "config.embedded is for one process: set detector.replicas to 1, or use config.kafka" }}
  {{- end }}
  {{- if not $values.detector.persistence.enabled }}
  {{- $wrong = append $wrong "config.embedded keeps offsets, state and alerts on a disk: set detector.persistence.enabled" }}
  {{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "trailwarden.checks.notifications" -}}
{{- $wrong := list }}
{{- $values := .Values }}
{{- $embedded := include "trailwarden.isEmbedded" . }}
{{- $teller := empty $embedded | ternary "notifier" "detector" }}
{{- $sinks := dig "notifications" "sinks" (dig "notifications" "sinks" list $values.config) (index $values $teller "config") }}
{{- if and $values.notifier.enabled (not $values.existingConfigMap) (not $sinks) }}
{{- $wrong = append $wrong (printf "notifier.enabled needs somebody to tell: set config.notifications.sinks, or %s.config.notifications.sinks, for example [{name: chat, type: slack, url_file: /run/secrets/trailwarden/slack-url}]" $teller) }}
{{- end }}
{{- if not $values.notifier.enabled }}
  {{- range $place, $config := dict "config" $values.config (printf "%s.config" $teller) (index $values $teller "config") }}
  {{- if $config.notifications }}
  {{- $wrong = append $wrong (printf "%s.notifications: nobody would be told, for notifier.enabled is off: turn it on, or take them out" $place) }}
  {{- end }}
  {{- end }}
{{- end }}
{{- range without (include "trailwarden.roles" . | fromJsonArray) "notifier" $teller }}
  {{- if hasKey (index $values . "config") "notifications" }}
  {{- $wrong = append $wrong (printf "%s.config.notifications: only the notifier reads it; put it into config.notifications" .) }}
  {{- end }}
{{- end }}
{{- if $embedded }}
  {{- range list "config" "existingSecret" "extraEnv" "extraEnvFrom" "extraVolumes" "extraVolumeMounts" }}
  {{- if index $values.notifier . }}
  {{- $wrong = append $wrong (printf "notifier.%s: with config.embedded the notifier works in the detector's process; set detector.%s instead" . .) }}
  {{- end }}
  {{- end }}
  {{- range list "name" "annotations" }}
  {{- if index $values.notifier.serviceAccount . }}
  {{- $wrong = append $wrong (printf "notifier.serviceAccount.%s: with config.embedded the notifier works in the detector's process; set detector.serviceAccount.%s instead" . .) }}
  {{- end }}
  {{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "trailwarden.checks.scaling" -}}
{{- $wrong := list }}
{{- $values := .Values }}
{{- range $role := list "detector" "archiver" }}
  {{- $scaling := index $values $role "autoscaling" }}
  {{- $ways := list }}
  {{- if $scaling.enabled }}{{ $ways = append $ways "enabled" }}{{ end }}
  {{- if $scaling.keda.enabled }}{{ $ways = append $ways "keda.enabled" }}{{ end }}
  {{- if $scaling.external }}{{ $ways = append $ways "external" }}{{ end }}
  {{- if gt (len $ways) 1 }}
  {{- $wrong = append $wrong (printf "%s.autoscaling: %s would scale the same pods; leave one of them" $role (join " and " $ways)) }}
  {{- end }}
  {{- if and $ways (include "trailwarden.isEmbedded" $) }}
  {{- $wrong = append $wrong (printf "%s.autoscaling: config.embedded is for one process; turn scaling off, or use config.kafka" $role) }}
  {{- end }}
  {{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
  {{- $wrong = append $wrong (printf "%s.autoscaling: minReplicas (%d) is above maxReplicas (%d)" $role (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
  {{- end }}
  {{- if and $scaling.enabled (not (dig "requests" "cpu" "" (index $values $role "resources"))) }}
  {{- $wrong = append $wrong (printf "%s.autoscaling.enabled counts in parts of the CPU that is asked for: set %s.resources.requests.cpu" $role $role) }}
  {{- end }}
  {{- if and $scaling.keda.enabled (index $values $role "enabled") }}
    {{- if and $values.existingConfigMap (not (and $scaling.keda.bootstrapServers $scaling.keda.topics $scaling.keda.consumerGroup)) }}
    {{- $wrong = append $wrong (printf "%s.autoscaling.keda: what stands in existingConfigMap is not known here; set keda.bootstrapServers, keda.topics and keda.consumerGroup" $role) }}
    {{- end }}
    {{- if and (dig "kafka" "security" "mechanism" "" $values.config) (not $scaling.keda.authenticationRef) }}
    {{- $wrong = append $wrong (printf "%s.autoscaling.keda: these brokers want a password or a role from KEDA too; make a TriggerAuthentication and set keda.authenticationRef to its name" $role) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{- define "trailwarden.checks.around" -}}
{{- $wrong := list }}
{{- $values := .Values }}
{{- if and $values.serviceMonitor.enabled $values.podMonitor.enabled }}
{{- $wrong = append $wrong "serviceMonitor.enabled and podMonitor.enabled would scrape each pod twice: leave one of them" }}
{{- end }}
{{- if and $values.serviceAccount.create $values.serviceAccount.name }}
{{- $wrong = append $wrong "serviceAccount.name is of an account that exists: set serviceAccount.create to false, or name each role's with detector.serviceAccount.name and so on" }}
{{- end }}
{{- if and $values.networkPolicy.enabled $values.existingConfigMap (not $values.networkPolicy.kafka.ports) }}
{{- $wrong = append $wrong "networkPolicy.enabled: what stands in existingConfigMap is not known here; set networkPolicy.kafka.ports" }}
{{- end }}
{{- range list "ports" "to" }}
  {{- if and (index $values.networkPolicy.sinks .) (not $values.notifier.enabled) }}
  {{- $wrong = append $wrong (printf "networkPolicy.sinks.%s: it is for the notifier, and notifier.enabled is off: turn it on, or use networkPolicy.extraEgress" .) }}
  {{- end }}
{{- end }}
{{- if and $values.networkPolicy.enabled $values.existingConfigMap $values.notifier.enabled (not $values.networkPolicy.sinks.ports) }}
{{- $wrong = append $wrong "networkPolicy.enabled: what the notifier's sinks are in existingConfigMap is not known here; set networkPolicy.sinks.ports, to [443] where all are HTTPS" }}
{{- end }}
{{- toJson $wrong }}
{{- end }}
