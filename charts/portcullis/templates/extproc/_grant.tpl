{{/* The gateway's objects may name our Service, if they are in another namespace. */}}
{{- define "portcullis.referenceGrant" -}}
{{- $root := .root -}}
{{- if ne $root.Values.extproc.gatewayNamespace (include "portcullis.namespace" $root) }}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata:
  {{- include "portcullis.metadata" (dict "root" $root) | nindent 2 }}
spec:
  from: [{ group: {{ .group }}, kind: {{ .kind }}, namespace: {{ $root.Values.extproc.gatewayNamespace }} }]
  to: [{ group: "", kind: Service, name: {{ include "portcullis.fullname" $root }} }]
{{- end }}
{{- end -}}
