{{/* A value as a literal of CEL, whose lists and maps have one type: everything in them is made `dyn`. */}}
{{- define "portcullis.cel.literal" -}}
{{- if kindIs "map" . -}}
{ {{- range $index, $key := keys . | sortAlpha }}{{ if $index }}, {{ end }}{{ $key | toJson }}: dyn({{ include "portcullis.cel.literal" (get $ $key) }}){{ end -}} }
{{- else if kindIs "slice" . -}}
[{{- range $index, $value := . }}{{ if $index }}, {{ end }}dyn({{ include "portcullis.cel.literal" $value }}){{ end -}}]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end }}

{{/*
The sidecar and its volumes as they are put into another's pod, as examples/controllers/ have them: names that clash with nobody's, since a Service
that names a port finds the first of that name; files that any uid may read; and what our own pods say once for all containers.
*/}}
{{- define "portcullis.admission.sidecar" -}}
{{- $container := include "portcullis.container" . | fromYaml }}
{{- $_ := set $container "name" .Values.admission.sidecar.name }}
{{- $_ := set $container "restartPolicy" "Always" }}
{{- range $mount := $container.volumeMounts }}
{{- $_ := set $mount "name" (printf "portcullis-%s" $mount.name) }}
{{- end }}
{{- range $port := $container.ports }}
{{- $_ := set $port "name" (printf "waf-%s" $port.name) }}
{{- end }}
{{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
{{- with get $container $probe }}{{ $_ := set .httpGet "port" (int $.Values.admin.port) }}{{ end }}
{{- end }}
{{- $pod := include "portcullis.podSecurityContext" . | fromYaml }}
{{- $_ := set $container "securityContext" (merge $container.securityContext (pick $pod "seccompProfile" "appArmorProfile")) }}
{{- $volumes := include "portcullis.volumes" . | fromYamlArray }}
{{- range $volume := $volumes }}
{{- $_ := set $volume "name" (printf "portcullis-%s" $volume.name) }}
{{- with $volume.secret }}{{ $_ := set . "defaultMode" 292 }}{{ end }}
{{- end }}
{{- dict "container" $container "volumes" $volumes | toYaml }}
{{- end }}

{{/* Kubernetes has MutatingAdmissionPolicy as v1 from 1.36 on, and as v1beta1 in 1.34 and 1.35. */}}
{{- define "portcullis.admission.mutatingVersion" -}}
{{- $wanted := .Values.admission.inject.apiVersion }}
{{- if ne $wanted "auto" -}}
{{ $wanted }}
{{- else if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version -}}
v1
{{- else if semverCompare ">=1.34.0-0" .Capabilities.KubeVersion.Version -}}
v1beta1
{{- else -}}
{{- fail "admission.inject.enabled: this cluster has no MutatingAdmissionPolicy (Kubernetes 1.34 has it as beta, 1.36 for good); use the values file for your controller" }}
{{- end -}}
{{- end }}
