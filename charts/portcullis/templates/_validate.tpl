{{/* Combinations that cannot be meant. Each is a sentence that says what to change; all of them are said at once. */}}

{{- define "portcullis.objections" -}}
{{- include "portcullis.objections.config" . -}}
{{- include "portcullis.objections.topology" . -}}
{{- include "portcullis.objections.pod" . -}}
{{- include "portcullis.objections.hardening" . -}}
{{- include "portcullis.objections.network" . -}}
{{- include "portcullis.objections.monitoring" . -}}
{{- include "portcullis.objections.admission" . -}}
{{- end -}}

{{- define "portcullis.objections.config" -}}
{{- $v := .Values -}}
{{- if and $v.config $v.existingConfigMap }}
- `config` and `existingConfigMap` are both a whole configuration: keep one of them.
{{- end -}}
{{- if include "portcullis.configIsWhole" . -}}
{{- range list "upstreams" "assets" "policies" "exceptions" "preventHosts" "trustedProxies" "proxyProtocol" "extraConfig" }}
{{- if index $v . }}
- `{{ . }}` has no effect beside `config` or `existingConfigMap`, which is the whole configuration: write it there.
{{- end -}}
{{- end -}}
{{- else if eq $v.topology "proxy" -}}
{{- $answering := list -}}
{{- range $v.assets }}{{ if or .redirect .respond }}{{ $answering = append $answering .name }}{{ end }}{{ end -}}
{{- if and (not $v.upstreams) (or (not $v.assets) (lt (len $answering) (len $v.assets))) }}
- `upstreams` is empty, and topology `proxy` needs an application to stand before: `--set upstreams.shop.servers={shop.shop.svc:8080}`.
{{- end -}}
{{- if and (gt (len $v.upstreams) 1) (not $v.assets) }}
- `upstreams` has several, and `assets` does not say which hosts go where.
{{- end -}}
{{- end -}}
{{- if and $v.preventHosts $v.assets }}
- `preventHosts` has no effect beside `assets`: name a policy of mode `prevent` in them.
{{- end -}}
{{- if and $v.preventHosts (eq $v.mode "prevent") }}
- `preventHosts` has no effect where `mode` is `prevent` for all: leave it out.
{{- end -}}
{{- range $name, $_ := $v.signatures.files -}}
{{- if not (regexMatch "^[A-Za-z0-9._-]+\\.conf$" $name) }}
- `signatures.files` has `{{ $name }}`, which is no name of a rule file: letters, digits, `.`, `_`, `-`, with `.conf` at the end.
{{- end -}}
{{- end -}}
{{- if and $v.signatures.files $v.existingConfigMap }}
- `signatures.files` has no effect beside `existingConfigMap`: put the files into that ConfigMap.
{{- end -}}
{{- if and (eq $v.model.file "none") $v.model.minimumConfidence }}
- `model.minimumConfidence` has no effect where `model.file` is `none`.
{{- end -}}
{{- if and $v.modelVolume.existingConfigMap $v.modelVolume.existingClaim }}
- `modelVolume` is a ConfigMap or a claim, not both.
{{- end -}}
{{- end -}}

{{- define "portcullis.objections.topology" -}}
{{- $v := .Values -}}
{{- if and (eq $v.topology "extproc") (ne $v.extproc.gateway "none") (or (not $v.extproc.gatewayName) (not $v.extproc.gatewayNamespace)) }}
- `extproc.gatewayName` and `extproc.gatewayNamespace` must say which gateway of `{{ $v.extproc.gateway }}` asks.
{{- end -}}
{{- if and (has $v.topology (list "extproc" "agent")) $v.tls.enabled }}
- `tls.enabled` is for topologies `proxy` and `sidecar`: gateways ask `{{ $v.topology }}` without TLS.
{{- end -}}
{{- if and (has $v.topology (list "extproc" "agent")) $v.upstreams }}
- `upstreams` is for topology `proxy`: with `{{ $v.topology }}` the gateway knows where requests go.
{{- end -}}
{{- if eq $v.topology "agent" -}}
{{- if and $v.agent.bodies (has $v.agent.dialect (list "ingress-nginx" "nginx" "caddy")) }}
- `agent.bodies` is on, and dialect `{{ $v.agent.dialect }}` sends no bodies.
{{- end -}}
{{- if and $v.agent.requireToken (eq $v.agent.dialect "external-auth") }}
- `agent.requireToken` is on, and `external-auth` has no way to send a token: set it to false, and say in `networkPolicy.ingressFrom` who may ask.
{{- end -}}
{{- if and $v.agent.pathPrefix (ne $v.agent.dialect "external-auth") }}
- `agent.pathPrefix` is for dialect `external-auth`.
{{- end -}}
{{- end -}}
{{- if eq $v.topology "sidecar" -}}
{{- if $v.autoscaling.enabled }}
- `autoscaling.enabled` has no effect with topology `sidecar`: the controller's chart makes the pods.
{{- end -}}
{{- if and (eq $v.sidecar.attach "lua") $v.tls.enabled }}
- `tls.enabled` has no effect with `sidecar.attach: lua`: the controller ends TLS.
{{- end -}}
{{- if ne $v.service.type "ClusterIP" }}
- `service.type` has no effect with topology `sidecar`: the controller's chart makes the Service.
{{- end -}}
{{- end -}}
{{- if and $v.tls.enabled (not $v.tls.existingSecrets) (not (include "portcullis.configIsWhole" .)) }}
- `tls.enabled` needs a certificate: name a Secret of type kubernetes.io/tls in `tls.existingSecrets`.
{{- end -}}
{{- end -}}

{{- define "portcullis.objections.pod" -}}
{{- $v := .Values -}}
{{- if and (eq $v.kind "DaemonSet") $v.autoscaling.enabled }}
- `autoscaling.enabled` is for a Deployment: a DaemonSet has one pod on each node.
{{- end -}}
{{- if and (eq $v.kind "DaemonSet") (dig "rollingUpdate" "maxSurge" 0 $v.updateStrategy | toString | ne "0") (dig "rollingUpdate" "maxUnavailable" 0 $v.updateStrategy | toString | ne "0") }}
- `updateStrategy.rollingUpdate` of a DaemonSet has either `maxSurge` or `maxUnavailable`.
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) }}
- `autoscaling.minReplicas` is more than `autoscaling.maxReplicas`.
{{- end -}}
{{- if and $v.autoscaling.enabled (not $v.autoscaling.targetCPUUtilizationPercentage) (not $v.autoscaling.targetMemoryUtilizationPercentage) }}
- `autoscaling.enabled` needs `targetCPUUtilizationPercentage` or `targetMemoryUtilizationPercentage`.
{{- end -}}
{{- if and $v.podDisruptionBudget.enabled (eq (toString $v.podDisruptionBudget.maxUnavailable) "0") }}
- `podDisruptionBudget.maxUnavailable` is 0, with which no node can be drained: 1 or more, or a percentage.
{{- end -}}
{{- with $v.terminationGracePeriodSeconds -}}
{{- if lt (int .) (include "portcullis.leastGrace" $ | int) }}
- `terminationGracePeriodSeconds` is {{ int . }}, and stopping takes up to {{ include "portcullis.leastGrace" $ }}: `preStopSleepSeconds` {{ int $v.preStopSleepSeconds }}, the drain's deadline {{ include "portcullis.drainSeconds" $ }}, and five more. Leave it empty, or make one of these shorter.
{{- end -}}
{{- end -}}
{{- if ge (add (int $v.drain.acceptSeconds) (int $v.drain.idleSeconds)) (int $v.drain.deadlineSeconds) }}
- `drain.deadlineSeconds` must be longer than `acceptSeconds` and `idleSeconds` together.
{{- end -}}
{{- if and (eq $v.image.tag "latest") (not $v.image.digest) }}
- `image.tag` is `latest`, which is no version: name one, or pin `image.digest`.
{{- end -}}
{{- $used := dict -}}
{{- range $name, $port := merge (dict "admin" $v.admin.port) $v.ports -}}
{{- if hasKey $used (toString (int $port)) }}
- `ports.{{ $name }}` and `ports.{{ get $used (toString (int $port)) }}` are both {{ int $port }}.
{{- end -}}
{{- $_ := set $used (toString (int $port)) $name -}}
{{- end -}}
{{- end -}}

{{- define "portcullis.objections.hardening" -}}
{{- $v := .Values -}}
{{- $contexts := dict "podSecurityContext" $v.podSecurityContext "securityContext" $v.securityContext -}}
{{- range $name, $context := $contexts -}}
{{- if eq (dig "runAsUser" 65532 $context | toString) "0" }}
- `{{ $name }}.runAsUser` is 0: Portcullis needs no root, and the namespace's `restricted` level refuses it.
{{- end -}}
{{- if eq (dig "runAsNonRoot" true $context | toString) "false" }}
- `{{ $name }}.runAsNonRoot` must stay true.
{{- end -}}
{{- end -}}
{{- if $v.securityContext.privileged }}
- `securityContext.privileged` must stay false.
{{- end -}}
{{- if ne (toString $v.securityContext.allowPrivilegeEscalation) "false" }}
- `securityContext.allowPrivilegeEscalation` must stay false.
{{- end -}}
{{- if ne (toString $v.securityContext.readOnlyRootFilesystem) "true" }}
- `securityContext.readOnlyRootFilesystem` must stay true: /tmp is there to be written to.
{{- end -}}
{{- if dig "capabilities" "add" list $v.securityContext }}
- `securityContext.capabilities.add` has capabilities, of which Portcullis needs none: it listens at ports above 1023.
{{- end -}}
{{- if not (has "ALL" (dig "capabilities" "drop" list $v.securityContext)) }}
- `securityContext.capabilities.drop` must stay [ALL].
{{- end -}}
{{- if eq (dig "seccompProfile" "type" "" $v.podSecurityContext) "Unconfined" }}
- `podSecurityContext.seccompProfile.type` must be RuntimeDefault or Localhost.
{{- end -}}
{{- if or (hasPrefix "/" $v.seccompLocalhostProfile) (contains ".." $v.seccompLocalhostProfile) }}
- `seccompLocalhostProfile` is a path below the kubelet's seccomp directory: `profiles/portcullis.json`.
{{- end -}}
{{- if and (eq $v.appArmor.type "Localhost") (not $v.appArmor.localhostProfile) }}
- `appArmor.localhostProfile` must name the profile where `appArmor.type` is Localhost.
{{- end -}}
{{- if and $v.appArmor.localhostProfile (ne $v.appArmor.type "Localhost") }}
- `appArmor.localhostProfile` has no effect unless `appArmor.type` is Localhost.
{{- end -}}
{{- range $v.extraVolumes -}}
{{- if hasKey . "hostPath" }}
- `extraVolumes` has `{{ .name }}` with a path of the node (`hostPath`), which the namespace's `restricted` level refuses.
{{- end -}}
{{- end -}}
{{- range $v.extraEnv -}}
{{- if dig "valueFrom" "secretKeyRef" "" . }}
- `extraEnv` has `{{ .name }}` from a Secret, which every child and crash report would see: mount it by `extraVolumes`.
{{- end -}}
{{- end -}}
{{- range $v.extraVolumeMounts -}}
{{- if and (hasKey . "subPath") (hasPrefix "/etc/portcullis" .mountPath) }}
- `extraVolumeMounts` has `{{ .mountPath }}` by `subPath`, which is never updated: mount a directory.
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "portcullis.objections.network" -}}
{{- $v := .Values -}}
{{- $s := $v.service -}}
{{- if and $s.externalTrafficPolicy (eq $s.type "ClusterIP") }}
- `service.externalTrafficPolicy` has no effect with `service.type: ClusterIP`.
{{- end -}}
{{- if and (or $s.loadBalancerClass $s.loadBalancerSourceRanges) (ne $s.type "LoadBalancer") }}
- `service.loadBalancerClass` and `service.loadBalancerSourceRanges` are for `service.type: LoadBalancer`.
{{- end -}}
{{- if and (or $s.httpNodePort $s.httpsNodePort) (eq $s.type "ClusterIP") }}
- `service.httpNodePort` and `service.httpsNodePort` have no effect with `service.type: ClusterIP`.
{{- end -}}
{{- if and (has $v.topology (list "extproc" "agent")) (ne $s.type "ClusterIP") }}
- `service.type` is `{{ $s.type }}`, and nobody outside the cluster has anything to ask of topology `{{ $v.topology }}`: leave it at ClusterIP.
{{- end -}}
{{- if and (eq $s.ipFamilyPolicy "SingleStack") (gt (len $s.ipFamilies) 1) }}
- `service.ipFamilies` has two, and `service.ipFamilyPolicy` is SingleStack.
{{- end -}}
{{- if and (eq $v.topology "proxy") $v.networkPolicy.enabled (not $v.networkPolicy.upstreamTo) -}}
{{- if include "portcullis.configIsWhole" . }}
- `networkPolicy.upstreamTo` must say where the upstreams of your own configuration are, or nothing gets there.
{{- else -}}
{{- range fromYamlArray (include "portcullis.places" .) -}}
{{- if hasPrefix "unknown " . }}
- `networkPolicy.upstreamTo` must say where {{ trimPrefix "unknown " . }} is: only for a Service's name (`shop.shop.svc:8080`) and an address does that follow.
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $v.extraObjects -}}
{{- $object := . -}}
{{- if kindIs "string" . }}{{ $object = fromYaml (tpl . $) }}{{ end -}}
{{- if and (eq (toString $object.kind) "Service") (dig "spec" "externalIPs" list $object) }}
- `extraObjects` has a Service with `externalIPs`, by which it takes other people's traffic: use `service.type: LoadBalancer`.
{{- end -}}
{{- end -}}
{{- end -}}
