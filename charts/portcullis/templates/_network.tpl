{{/* Services and NetworkPolicies. */}}

{{- define "portcullis.serviceFamilies" -}}
ipFamilyPolicy: {{ .Values.service.ipFamilyPolicy }}
{{- with .Values.service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "portcullis.dataPorts" -}}
{{- if eq .Values.topology "extproc" -}}
- { port: {{ int .Values.ports.grpc }}, protocol: TCP }
{{- else if eq .Values.topology "agent" -}}
- { port: {{ int .Values.ports.inspect }}, protocol: TCP }
{{- else -}}
- { port: {{ int .Values.ports.http }}, protocol: TCP }
{{- if .Values.tls.enabled }}
- { port: {{ int .Values.ports.https }}, protocol: TCP }
{{- end }}
{{- end -}}
{{- end -}}

{{/* `from` of requests; nothing means everybody. */}}
{{- define "portcullis.ingressFrom" -}}
{{- if .Values.networkPolicy.ingressFrom -}}
{{- toYaml .Values.networkPolicy.ingressFrom -}}
{{- else if and (eq .Values.topology "extproc") .Values.extproc.gatewayNamespace -}}
- namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ .Values.extproc.gatewayNamespace }} } }
{{- else if has .Values.topology (list "extproc" "agent") -}}
- podSelector: {}
{{- end -}}
{{- end -}}

{{/* An address of a server, without its port. */}}
{{- define "portcullis.serverHost" -}}
{{- regexReplaceAll ":[0-9]+$" . "" | trimPrefix "[" | trimSuffix "]" -}}
{{- end -}}

{{/* Where a server is: `unix`, `namespace NAME`, `address PREFIX PORT`, or `unknown`. A Service's pods listen at ports of their own, so that only of an
     address is the port known. */}}
{{- define "portcullis.serverPlace" -}}
{{- $host := include "portcullis.serverHost" . -}}
{{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" -}}
{{- if or (hasPrefix "unix:" .) (has $host (list "127.0.0.1" "::1" "localhost")) -}}unix
{{- else if regexMatch "^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$" $host -}}address {{ $host }}/32 {{ $port }}
{{- else if contains ":" $host -}}address {{ $host }}/128 {{ $port }}
{{- else if regexMatch "^[a-z0-9-]+\\.[a-z0-9-]+\\.svc(\\.[a-z0-9.-]+)?$" $host -}}namespace {{ index (splitList "." $host) 1 }}
{{- else if regexMatch "^[a-z0-9-]+\\.[a-z0-9-]+$" $host -}}namespace {{ index (splitList "." $host) 1 }}
{{- else if regexMatch "^[a-z0-9-]+$" $host -}}namespace{{ " " }}
{{- else -}}unknown {{ . }}{{ end -}}
{{- end -}}

{{/* The places of all servers, each once, as a list. */}}
{{- define "portcullis.places" -}}
{{- $all := list -}}
{{- range $_, $upstream := fromYaml (include "portcullis.upstreams" .) -}}
{{- range $upstream.servers -}}
{{- $server := . -}}
{{- if kindIs "map" . }}{{ $server = .address }}{{ end -}}
{{- $all = append $all (include "portcullis.serverPlace" (toString $server)) -}}
{{- end -}}
{{- end -}}
{{- toYaml (uniq $all | sortAlpha) -}}
{{- end -}}

{{/* Rules of egress to upstreams. */}}
{{- define "portcullis.upstreamTo" -}}
{{- if .Values.networkPolicy.upstreamTo -}}
{{- toYaml .Values.networkPolicy.upstreamTo -}}
{{- else if and (eq .Values.topology "proxy") (not (include "portcullis.configIsWhole" .)) -}}
{{- range fromYamlArray (include "portcullis.places" .) }}
{{- $words := splitList " " . }}
{{- if eq (first $words) "namespace" }}
- to:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ default (include "portcullis.namespace" $) (index $words 1) }} } }
{{- else if eq (first $words) "address" }}
- to:
    - ipBlock: { cidr: {{ index $words 1 | quote }} }
  ports:
    - { port: {{ index $words 2 }}, protocol: TCP }
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "portcullis.dnsTo" -}}
{{- with .Values.networkPolicy.dns }}
{{- if .enabled }}
- to:
    {{- toYaml .to | nindent 4 }}
  ports:
    {{- range .ports }}
    - { port: {{ int . }}, protocol: UDP }
    - { port: {{ int . }}, protocol: TCP }
    {{- end }}
{{- end }}
{{- end }}
{{- end -}}
