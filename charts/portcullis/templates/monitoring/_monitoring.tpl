{{/* Alerts as text: monitoring/rules.yaml with the thresholds of the values, for the targets of this release alone. */}}
{{- define "portcullis.rulesText" -}}
{{- $rule := .Values.metrics.prometheusRule -}}
{{- $text := .Files.Get "monitoring/rules.yaml" -}}
{{- range $name, $value := $rule.thresholds -}}
{{- $text = regexReplaceAll (printf "[0-9.]+ # threshold %s\n" $name) $text (printf "%v # threshold %s\n" $value $name) -}}
{{- end -}}
{{- $own := printf "job=%q, namespace=%q" (include "portcullis.fullname" .) (include "portcullis.namespace" .) -}}
{{- $text = replace "job=\"portcullis\"" $own $text -}}
{{- replace "runbook_url: docs/" (printf "runbook_url: %s/docs/" (trimSuffix "/" $rule.runbookUrl)) $text -}}
{{- end -}}

{{/* What a ServiceMonitor and a PodMonitor ask, and as whom: (dict "root" $ "of" .Values.metrics.serviceMonitor). */}}
{{- define "portcullis.endpoint" -}}
path: /metrics
scheme: http
interval: {{ .of.interval }}
scrapeTimeout: {{ .of.scrapeTimeout }}
authorization:
  type: Bearer
  credentials:
    name: {{ include "portcullis.adminSecretName" .root }}
    key: token
relabelings:
  # What alerts and dashboards know this release by.
  - action: replace
    targetLabel: job
    replacement: {{ include "portcullis.fullname" .root }}
  {{- with .of.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .of.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The image's name without tag and digest, as a container runtime tells it. */}}
{{- define "portcullis.imageRepository" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository -}}
{{- end -}}

{{/* Falco's rules: monitoring/falco.yaml with the lists of the values. */}}
{{- define "portcullis.falcoRules" -}}
{{- $networks := list -}}
{{- range .Values.falco.outboundNetworks }}{{ $networks = append $networks (quote .) }}{{ end -}}
{{- $lists := dict
  "imageRepositories" (list (include "portcullis.imageRepository" .))
  "outboundPorts" .Values.falco.outboundPorts
  "outboundNetworks" $networks
  "writablePaths" .Values.falco.writablePaths -}}
{{- $text := .Files.Get "monitoring/falco.yaml" -}}
{{- range $name, $items := $lists -}}
{{- $text = regexReplaceAllLiteral (printf `items: \[.*\] # value %s` $name) $text (printf "items: %s # value %s" (toJson $items) $name) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* What cannot be meant; said with the chart's other objections. */}}
{{- define "portcullis.objections.monitoring" -}}
{{- $m := .Values.metrics -}}
{{- if eq .Values.topology "sidecar" -}}
{{- if $m.serviceMonitor.enabled }}
- `metrics.serviceMonitor` has no effect with topology `sidecar`, whose pods are another chart's: take `metrics.podMonitor`.
{{- end -}}
{{- if and $m.podMonitor.enabled (not $m.podMonitor.podLabels) }}
- `metrics.podMonitor.podLabels` must say which pods Portcullis is in with topology `sidecar`: `app.kubernetes.io/name: ingress-nginx`.
{{- end -}}
{{- end -}}
{{- if and $m.serviceMonitor.enabled $m.podMonitor.enabled }}
- `metrics.serviceMonitor` and `metrics.podMonitor` would ask each pod twice: keep one of them.
{{- end -}}
{{- end -}}
