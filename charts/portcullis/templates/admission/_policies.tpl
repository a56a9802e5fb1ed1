{{/* The policies that are on, as a YAML list; see admission/policies.yaml. */}}
{{- define "portcullis.admission.policies" -}}
{{- $on := list }}
{{- range $policy := tpl (.Files.Get "admission/policies.yaml") . | fromYamlArray }}
{{- $settings := get $.Values.admission.policies $policy.values }}
{{- if $settings.enabled }}
{{- $message := printf "portcullis/%s: %s. %s: %s#%s" $policy.name $policy.problem $policy.remedy $.Values.admission.runbook $policy.name }}
{{- $on = append $on (merge (dict "message" $message "action" ($settings.action | default $.Values.admission.action)) $policy) }}
{{- end }}
{{- end }}
{{- toYaml $on }}
{{- end }}

{{/* The namespaces that are protected by name, as a JSON list: those of the values, or the release's own. */}}
{{- define "portcullis.admission.namespaces" -}}
{{- if eq .Values.admission.selectBy "name" -}}
{{- .Values.admission.namespaces | default (list (include "portcullis.namespace" .)) | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end }}

{{/* By name it goes by the label that the API server itself keeps, which nobody can change. */}}
{{- define "portcullis.admission.namespaceSelector" -}}
matchExpressions:
  {{- if eq .Values.admission.selectBy "name" }}
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ include "portcullis.admission.namespaces" . }}
  {{- else }}
  - key: {{ .Values.admission.namespaceLabel.key | quote }}
    operator: In
    values: [{{ .Values.admission.namespaceLabel.value | quote }}]
  {{- end }}
{{- end }}

{{/* Resources and kinds by the words of `judges`. */}}
{{- define "portcullis.admission.resources" -}}
pods:
  - group: ""
    resources: [pods, pods/ephemeralcontainers]
    kinds: [Pod]
workloads:
  - group: ""
    resources: [replicationcontrollers]
    kinds: [ReplicationController]
  - group: apps
    resources: [deployments, daemonsets, statefulsets, replicasets]
    kinds: [Deployment, DaemonSet, StatefulSet, ReplicaSet]
  - group: batch
    resources: [jobs, cronjobs]
    kinds: [Job, CronJob]
namespaces:
  - group: ""
    resources: [namespaces]
    kinds: [Namespace]
services:
  - group: ""
    resources: [services]
    kinds: [Service]
{{- end }}

{{/* What ValidatingAdmissionPolicy and Kyverno say alike: (dict "root" $ "policy" $policy). */}}
{{- define "portcullis.admission.matchConstraints" -}}
matchPolicy: Equivalent
resourceRules:
  {{- $resources := include "portcullis.admission.resources" .root | fromYaml }}
  {{- range $what := .policy.judges }}
  {{- range get $resources $what }}
  - apiGroups: [{{ .group | quote }}]
    apiVersions: [v1]
    operations: {{ $.policy.operations | toJson }}
    resources: {{ .resources | toJson }}
  {{- end }}
  {{- end }}
{{- if .policy.selected }}
namespaceSelector:
  {{- include "portcullis.admission.namespaceSelector" .root | nindent 2 }}
{{- end }}
{{- end }}

{{/* The policy in CEL, from admission/cel/: what it is told, what policies share, and what it finds; (dict "root" $ "policy" $policy). */}}
{{- define "portcullis.admission.cel" -}}
variables:
  - name: message
    expression: |-
      {{ .policy.message | toJson }}
  {{- range $name, $value := .policy.parameters }}
  - name: {{ $name }}
    expression: |-
      {{ $value | toJson }}
  {{- end }}
  {{- range $file := include "portcullis.admission.celFiles" .policy | fromYamlArray }}
  {{- range $.root.Files.Get $file | fromYamlArray }}
  - name: {{ .name }}
    expression: |- {{- .expression | nindent 6 }}
  {{- end }}
  {{- end }}
validations:
  - expression: size(variables.found) == 0
    message: {{ .policy.message | quote }}
    messageExpression: >-
      variables.message + " Found: " + (size(variables.found) <= 10 ? variables.found.join(", ") :
      string(size(variables.found)) + " places, the first is: " + variables.found[0]) + "."
    reason: Forbidden
auditAnnotations:
  - key: found
    valueExpression: >-
      size(variables.found) <= 10 ? variables.found.join(", ") : string(size(variables.found)) + " places, the first is: " + variables.found[0]
{{- end }}

{{- define "portcullis.admission.celFiles" -}}
- admission/cel/_exempt.yaml
{{- range .source }}
- admission/cel/_{{ . }}.yaml
{{- end }}
- admission/cel/{{ .name }}.yaml
{{- end }}

{{/* Two releases in one cluster protect different namespaces, so their policies have different names. */}}
{{- define "portcullis.admission.name" -}}
{{- printf "%s-%s" (include "portcullis.fullname" .root | trunc 200) .policy.name -}}
{{- end }}

{{/* Whatever else is done, the audit log hears of it. */}}
{{- define "portcullis.admission.actions" -}}
{{- eq .action "Audit" | ternary (list "Audit") (list .action "Audit") | toJson -}}
{{- end }}

{{/* The schema of one parameter of a constraint. */}}
{{- define "portcullis.admission.schema" -}}
{{- if has . (list "selectValue" "sidecarName") -}}
type: string
{{- else if eq . "controllerLabels" -}}
type: array
items:
  type: object
  additionalProperties:
    type: string
{{- else -}}
type: array
items:
  type: string
{{- end }}
{{- end }}

{{/* Where our image comes from, as a JSON list. */}}
{{- define "portcullis.admission.repositories" -}}
{{- $ours := printf "%s/%s" (default .Values.image.registry .Values.global.imageRegistry) .Values.image.repository | trimPrefix "/" -}}
{{- .Values.admission.sidecar.repositories | default (list $ours) | toJson -}}
{{- end }}

{{- define "portcullis.objections.admission" -}}
{{- $a := .Values.admission -}}
{{- if and (eq $a.selectBy "label") $a.namespaces }}
- `admission.namespaces` has no effect with `selectBy: label`: label those namespaces, or choose them by name.
{{- end -}}
{{- $may := list "hostNetwork" "hostPID" "hostIPC" "hostPort" "hostPath" "shareProcessNamespace" "allowPrivilegeEscalation" -}}
{{- range $a.policies.podHardening.allow -}}
{{- if not (has . $may) }}
- `admission.policies.podHardening.allow` has `{{ . }}`, which cannot be allowed: it is for {{ join ", " $may }}.
{{- end -}}
{{- end -}}
{{- range $a.policies.images.registries -}}
{{- if regexMatch "(://|[@*\\s]|/$)" . }}
- `admission.policies.images.registries` has `{{ . }}`: write a registry or a path in one, as `registry.k8s.io/ingress-nginx`, without scheme, pattern or final `/`.
{{- end -}}
{{- end -}}
{{- if and $a.signatures.publicKey (not (contains "BEGIN PUBLIC KEY" $a.signatures.publicKey)) }}
- `admission.signatures.publicKey` is no public key in PEM, as `cosign public-key` prints it.
{{- end -}}
{{- if and $a.inject.enabled (ne .Values.topology "sidecar") }}
- `admission.inject.enabled` has a sidecar to inject with `topology: sidecar` alone.
{{- end -}}
{{- end -}}
