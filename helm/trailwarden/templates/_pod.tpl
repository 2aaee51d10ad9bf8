{{/*
What the pods of a role and the test pod have in common: (dict "root" $ "role" "detector").
*/}}
{{- define "trailwarden.pod.place" -}}
{{- $values := .root.Values }}
{{- $own := index $values .role }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with default $values.priorityClassName $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with include "trailwarden.role.map" (merge (dict "key" "nodeSelector") .) }}
nodeSelector:
  {{- . | nindent 2 }}
{{- end }}
{{- with include "trailwarden.role.list" (merge (dict "key" "tolerations") .) }}
tolerations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "trailwarden.pod.image" -}}
image: "{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "trailwarden.pod.env" -}}
env:
  # The same for each start of this pod, so that its transactional id is, and a leftover of it is fenced.
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- with include "trailwarden.role.list" (merge (dict "key" "extraEnv") .) }}
  {{- . | nindent 2 }}
  {{- end }}
{{- with include "trailwarden.role.list" (merge (dict "key" "extraEnvFrom") .) }}
envFrom:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "trailwarden.pod.volumeMounts" -}}
- name: config
  mountPath: /etc/trailwarden
  readOnly: true
{{- if (default .root.Values.existingSecret (index .root.Values .role "existingSecret")) }}
- name: secrets
  mountPath: /run/secrets/trailwarden
  readOnly: true
{{- end }}
- name: tmp
  mountPath: /tmp
{{- with include "trailwarden.role.list" (merge (dict "key" "extraVolumeMounts") .) }}
{{ . }}
{{- end }}
{{- end }}

{{- define "trailwarden.pod.volumes" -}}
- name: config
  configMap:
    name: {{ default (include "trailwarden.fullname" .root) .root.Values.existingConfigMap }}
    items:
      - key: {{ .role }}.yaml
        path: trailwarden.yaml
      {{- if include "trailwarden.hasTopicsFile" .root }}
      - key: topics.yaml
        path: topics.yaml
      {{- end }}
{{- with (default .root.Values.existingSecret (index .root.Values .role "existingSecret")) }}
- name: secrets
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
- name: tmp
  emptyDir: {}
{{- with include "trailwarden.role.list" (merge (dict "key" "extraVolumes") .) }}
{{ . }}
{{- end }}
{{- end }}
