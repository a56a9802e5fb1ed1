{{/* The configuration, made of values. What it says is checked by `portcullis check`; here nothing is judged. */}}

{{/* Where Secrets are mounted, each below its purpose. */}}
{{- define "portcullis.secrets" -}}/run/secrets/portcullis{{- end -}}

{{/* Whether anybody else wrote the configuration. */}}
{{- define "portcullis.configIsWhole" -}}
{{- if or .Values.config .Values.existingConfigMap }}true{{ end -}}
{{- end -}}

{{- define "portcullis.configMapName" -}}
{{- default (include "portcullis.fullname" .) .Values.existingConfigMap -}}
{{- end -}}

{{/* Whether Portcullis takes requests itself. */}}
{{- define "portcullis.isProxy" -}}
{{- if or (eq .Values.topology "proxy") (and (eq .Values.topology "sidecar") (eq .Values.sidecar.attach "front")) }}true{{ end -}}
{{- end -}}

{{- define "portcullis.needsToken" -}}
{{- if and (eq .Values.topology "agent") .Values.agent.requireToken (not (include "portcullis.configIsWhole" .)) }}true{{ end -}}
{{- end -}}

{{- define "portcullis.agentSecretName" -}}
{{- default (printf "%s-agent" (include "portcullis.fullname" .)) .Values.agent.existingSecret -}}
{{- end -}}

{{/* Upstreams: those of the values, or the controller beside. */}}
{{- define "portcullis.upstreams" -}}
{{- if and (eq .Values.topology "sidecar") (not .Values.upstreams) -}}
{{- /* X-Real-IP is what some controllers take the client's address from. */ -}}
{{- $told := list "x-forwarded-for" "x-forwarded-proto" "x-forwarded-host" "x-request-id" "x-real-ip" -}}
{{- toYaml (dict "controller" (dict "servers" (list (printf "127.0.0.1:%d" (int .Values.sidecar.controllerPort))) "forwarded_headers" $told)) -}}
{{- else -}}
{{- toYaml .Values.upstreams -}}
{{- end -}}
{{- end -}}

{{/* The upstream of assets that name none: the only one. */}}
{{- define "portcullis.onlyUpstream" -}}
{{- if include "portcullis.isProxy" . -}}
{{- $names := keys (fromYaml (include "portcullis.upstreams" .)) -}}
{{- if eq (len $names) 1 }}{{ first $names }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "portcullis.listeners" -}}
{{- $common := dict -}}
{{- with .Values.trustedProxies }}{{ $_ := set $common "trusted_proxies" . }}{{ end -}}
{{- with .Values.proxyProtocol }}{{ $_ := set $common "proxy_protocol" . }}{{ end -}}
{{- $plain := merge (dict "address" (printf "%s:%d" .Values.bindAddress (int .Values.ports.http))) $common -}}
{{- $all := list $plain -}}
{{- if .Values.tls.enabled -}}
{{- if .Values.tls.redirectHttp }}{{ $_ := set $plain "redirect_to_https" true }}{{ end -}}
{{- $certificates := list -}}
{{- range .Values.tls.existingSecrets -}}
{{- $certificates = append $certificates (dict "secret" (printf "%s/tls/%s" (include "portcullis.secrets" $) .)) -}}
{{- end -}}
{{- $tls := dict "certificates" $certificates "min_version" (toString .Values.tls.minVersion) -}}
{{- $all = append $all (merge (dict "address" (printf "%s:%d" .Values.bindAddress (int .Values.ports.https)) "tls" $tls) $common) -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{- define "portcullis.attachments" -}}
{{- $endpoint := dict -}}
{{- with .Values.trustedProxies }}{{ $_ := set $endpoint "trusted_proxies" . }}{{ end -}}
{{- if eq .Values.topology "extproc" -}}
{{- $_ := set $endpoint "address" (printf "%s:%d" .Values.bindAddress (int .Values.ports.grpc)) -}}
{{- $_ := set $endpoint "gateways" .Values.extproc.gateways -}}
{{- toYaml (dict "envoy" (list $endpoint)) -}}
{{- else if eq .Values.topology "agent" -}}
{{- $_ := set $endpoint "address" (printf "%s:%d" .Values.bindAddress (int .Values.ports.inspect)) -}}
{{- $_ := set $endpoint "dialect" .Values.agent.dialect -}}
{{- $_ := set $endpoint "gateways" .Values.agent.gateways -}}
{{- if has .Values.agent.dialect (list "traefik" "external-auth") }}{{ $_ := set $endpoint "bodies" .Values.agent.bodies }}{{ end -}}
{{- with .Values.agent.pathPrefix }}{{ $_ := set $endpoint "path_prefix" . }}{{ end -}}
{{- if .Values.agent.requireToken }}{{ $_ := set $endpoint "token_file" (printf "%s/agent/token" (include "portcullis.secrets" .)) }}{{ end -}}
{{- toYaml (dict "inspect" (list $endpoint)) -}}
{{- else -}}
{{- $_ := set $endpoint "address" "unix:/run/portcullis/inspect.sock" -}}
{{- $_ := set $endpoint "dialect" "native" -}}
{{- toYaml (dict "inspect" (list $endpoint)) -}}
{{- end -}}
{{- end -}}

{{- define "portcullis.assets" -}}
{{- $only := include "portcullis.onlyUpstream" . -}}
{{- $all := list -}}
{{- if .Values.assets -}}
{{- range .Values.assets -}}
{{- $asset := deepCopy . -}}
{{- if and $only (not (or .upstream .redirect .respond)) }}{{ $_ := set $asset "upstream" $only }}{{ end -}}
{{- if not .policy }}{{ $_ := set $asset "policy" "default" }}{{ end -}}
{{- $all = append $all $asset -}}
{{- end -}}
{{- else -}}
{{- if .Values.preventHosts -}}
{{- $all = append $all (dict "name" "prevented" "hosts" .Values.preventHosts "policy" "prevented") -}}
{{- end -}}
{{- $all = append $all (dict "name" "everything" "hosts" (list "*") "policy" "default") -}}
{{- if $only }}{{ range $all }}{{ $_ := set . "upstream" $only }}{{ end }}{{ end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{- define "portcullis.policies" -}}
{{- $rules := .Values.signatures.rules -}}
{{- range $name, $_ := .Values.signatures.files }}{{ $rules = append $rules $name }}{{ end -}}
{{- $signatures := dict "rules" $rules -}}
{{- with .Values.signatures.paranoia }}{{ $_ := set $signatures "paranoia" (int .) }}{{ end -}}
{{- $usual := dict "mode" .Values.mode "signatures" $signatures "on_inspection_failure" .Values.failurePolicy -}}
{{- if .Values.model.minimumConfidence -}}
{{- $model := dict "minimum_confidence" .Values.model.minimumConfidence -}}
{{- if ne .Values.model.file "default" }}{{ $_ := set $model "file" .Values.model.file }}{{ end -}}
{{- $_ := set $usual "model" $model -}}
{{- else if ne .Values.model.file "default" -}}
{{- $_ := set $usual "model" .Values.model.file -}}
{{- end -}}
{{- if .Values.inspectResponses }}{{ $_ := set $usual "inspect_responses" true }}{{ end -}}
{{- with .Values.exceptions }}{{ $_ := set $usual "exceptions" . }}{{ end -}}
{{- $usual = mergeOverwrite $usual (deepCopy (default dict .Values.policies.default)) -}}
{{- $all := dict "default" $usual -}}
{{- if and .Values.preventHosts (not .Values.assets) -}}
{{- $_ := set $all "prevented" (mergeOverwrite (deepCopy $usual) (dict "mode" "prevent")) -}}
{{- end -}}
{{- toYaml (merge $all (omit .Values.policies "default")) -}}
{{- end -}}

{{/* The whole configuration as text. */}}
{{- define "portcullis.configuration" -}}
{{- if .Values.config -}}
{{- toYaml .Values.config -}}
{{- else -}}
{{- $config := dict "version" 1 -}}
{{- if include "portcullis.isProxy" . -}}
{{- $_ := set $config "listeners" (fromYamlArray (include "portcullis.listeners" .)) -}}
{{- $_ := set $config "upstreams" (fromYaml (include "portcullis.upstreams" .)) -}}
{{- else -}}
{{- $_ := set $config "attachments" (fromYaml (include "portcullis.attachments" .)) -}}
{{- end -}}
{{- $_ := set $config "assets" (fromYamlArray (include "portcullis.assets" .)) -}}
{{- $_ := set $config "policies" (fromYaml (include "portcullis.policies" .)) -}}
{{- $address := printf "%s:%d" .Values.bindAddress (int .Values.admin.port) -}}
{{- $_ := set $config "admin" (dict "address" $address "token_file" (printf "%s/admin/token" (include "portcullis.secrets" .))) -}}
{{- $_ := set $config "reports" (dict "decisions" (dict "to" "stdout" "only" .Values.logging.decisions)) -}}
{{- $drain := .Values.drain -}}
{{- $_ := set $config "drain" (dict "accept" (printf "%ds" (int $drain.acceptSeconds)) "idle" (printf "%ds" (int $drain.idleSeconds)) "deadline" (printf "%ds" (int $drain.deadlineSeconds))) -}}
{{- toYaml (merge $config .Values.extraConfig) -}}
{{- end -}}
{{- end -}}

{{/* Seconds until the process has ended by itself. Of a whole configuration, its own deadline; of a ConfigMap that we do not see, that of the values. */}}
{{- define "portcullis.drainSeconds" -}}
{{- $deadline := printf "%ds" (int .Values.drain.deadlineSeconds) -}}
{{- if .Values.config }}{{ $deadline = dig "drain" "deadline" "30s" .Values.config }}{{ end -}}
{{- $number := regexFind "^[0-9]+" (toString $deadline) | int -}}
{{- if hasSuffix "ms" (toString $deadline) }}{{ add1 (div $number 1000) -}}
{{- else if hasSuffix "m" (toString $deadline) }}{{ mul $number 60 -}}
{{- else if hasSuffix "h" (toString $deadline) }}{{ mul $number 3600 -}}
{{- else }}{{ $number }}{{ end -}}
{{- end -}}

{{- define "portcullis.leastGrace" -}}
{{- add (int .Values.preStopSleepSeconds) (include "portcullis.drainSeconds" . | int) 5 -}}
{{- end -}}

{{- define "portcullis.grace" -}}
{{- default (include "portcullis.leastGrace" .) .Values.terminationGracePeriodSeconds | int -}}
{{- end -}}
