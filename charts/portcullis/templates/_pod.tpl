{{/* The pod, its containers, and what they mount. */}}

{{- define "portcullis.podSecurityContext" -}}
{{- $context := deepCopy .Values.podSecurityContext -}}
{{- with .Values.seccompLocalhostProfile }}{{ $_ := set $context "seccompProfile" (dict "type" "Localhost" "localhostProfile" .) }}{{ end -}}
{{- with .Values.appArmor.type -}}
{{- $profile := dict "type" . -}}
{{- with $.Values.appArmor.localhostProfile }}{{ $_ := set $profile "localhostProfile" . }}{{ end -}}
{{- $_ := set $context "appArmorProfile" $profile -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{- define "portcullis.pullSecrets" -}}
{{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Volumes of ours. Directories, never single files: a file mounted by `subPath` is never updated. */}}
{{- define "portcullis.volumes" -}}
- name: config
  configMap:
    name: {{ include "portcullis.configMapName" . }}
- name: admin
  secret:
    secretName: {{ include "portcullis.adminSecretName" . }}
    # 0440: for the group of the process, which owns the files by `fsGroup`.
    defaultMode: 288
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.tmpSize }}
{{- if include "portcullis.needsToken" . }}
- name: agent
  secret:
    secretName: {{ include "portcullis.agentSecretName" . }}
    defaultMode: 288
{{- end }}
{{- if .Values.tls.enabled }}
{{- range $index, $name := .Values.tls.existingSecrets }}
- name: tls-{{ $index }}
  secret:
    secretName: {{ $name }}
    defaultMode: 288
{{- end }}
{{- end }}
{{- with .Values.signatures.existingConfigMap }}
- name: rules
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.modelVolume.existingConfigMap }}
- name: model
  configMap:
    name: {{ . }}
{{- end }}
{{- with .Values.modelVolume.existingClaim }}
- name: model
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "portcullis.mounts" -}}
- name: config
  mountPath: /etc/portcullis
  readOnly: true
- name: admin
  mountPath: {{ include "portcullis.secrets" . }}/admin
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if include "portcullis.needsToken" . }}
- name: agent
  mountPath: {{ include "portcullis.secrets" . }}/agent
  readOnly: true
{{- end }}
{{- if .Values.tls.enabled }}
{{- range $index, $name := .Values.tls.existingSecrets }}
- name: tls-{{ $index }}
  mountPath: {{ include "portcullis.secrets" $ }}/tls/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}
{{- if .Values.signatures.existingConfigMap }}
- name: rules
  mountPath: /etc/portcullis-rules
  readOnly: true
{{- end }}
{{- if or .Values.modelVolume.existingConfigMap .Values.modelVolume.existingClaim }}
- name: model
  mountPath: /var/lib/portcullis-model
  {{- if .Values.modelVolume.existingConfigMap }}
  readOnly: true
  {{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Ports that the configuration of a topology listens at: names and numbers. */}}
{{- define "portcullis.ports" -}}
{{- if eq .Values.topology "extproc" -}}
- { name: grpc, containerPort: {{ int .Values.ports.grpc }}, protocol: TCP }
{{- else if eq .Values.topology "agent" -}}
- { name: inspect, containerPort: {{ int .Values.ports.inspect }}, protocol: TCP }
{{- else -}}
- { name: http, containerPort: {{ int .Values.ports.http }}, protocol: TCP }
{{- if .Values.tls.enabled }}
- { name: https, containerPort: {{ int .Values.ports.https }}, protocol: TCP }
{{- end }}
{{- end }}
- { name: admin, containerPort: {{ int .Values.admin.port }}, protocol: TCP }
{{- end -}}

{{- define "portcullis.container" -}}
name: portcullis
image: {{ include "portcullis.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  - --config
  - /etc/portcullis/portcullis.yaml
  {{- with .Values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  {{- include "portcullis.ports" . | nindent 2 }}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
startupProbe:
  {{- toYaml .Values.startupProbe | nindent 2 }}
readinessProbe:
  {{- toYaml .Values.readinessProbe | nindent 2 }}
livenessProbe:
  {{- toYaml .Values.livenessProbe | nindent 2 }}
{{- if int .Values.preStopSleepSeconds }}
lifecycle:
  preStop:
    # The kubelet sleeps, not a shell: there is none in the image.
    sleep:
      seconds: {{ int .Values.preStopSleepSeconds }}
{{- end }}
volumeMounts:
  {{- include "portcullis.mounts" . | nindent 2 }}
{{- end -}}

{{- define "portcullis.spread" -}}
{{- if .Values.topologySpreadConstraints -}}
{{- toYaml .Values.topologySpreadConstraints -}}
{{- else -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "portcullis.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}
{{- end -}}

{{/* What pods have in common, those of `helm test` included. */}}
{{- define "portcullis.podCommon" -}}
serviceAccountName: {{ include "portcullis.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "portcullis.pullSecrets" . }}
{{ . }}
{{- end }}
securityContext:
  {{- include "portcullis.podSecurityContext" . | nindent 2 }}
{{- if not (kindIs "invalid" .Values.hostUsers) }}
hostUsers: {{ .Values.hostUsers }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "portcullis.podTemplate" -}}
metadata:
  labels:
    {{- include "portcullis.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
    app.kubernetes.io/component: {{ .Values.topology }}
    app.kubernetes.io/part-of: portcullis
    {{- /* The chart's version is not here: a new chart alone restarts nothing. */}}
    {{- with merge (dict) .Values.podLabels .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: portcullis
    {{- if .Values.restartOnConfigChange }}
    checksum/config: {{ include "portcullis.configuration" . | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "portcullis.podCommon" . | nindent 2 }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.kind "Deployment" }}
  topologySpreadConstraints:
    {{- include "portcullis.spread" . | trim | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ include "portcullis.grace" . }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - {{ include "portcullis.container" . | nindent 6 | trim }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "portcullis.volumes" . | nindent 4 }}
{{- end -}}
