{{- /* Takes a dict such as {cpu: {limit, request}, memory: …}, empty strings for what is not set. */ -}}
{{- define "resources" -}}
{{- $limits := dict }}
{{- $requests := dict }}
{{- range $name := list "cpu" "memory" "ephemeral-storage" }}
  {{- with dig $name "limit" "" $ }}{{ $_ := set $limits $name . }}{{ end }}
  {{- with dig $name "request" "" $ }}{{ $_ := set $requests $name . }}{{ end }}
{{- end -}}
resources:
  {{- with $limits }}
  limits: {{ toJson . }}
  {{- end }}
  {{- with $requests }}
  requests: {{ toJson . }}
  {{- end }}
{{- end }}

{{- /* A container of the controller image. Takes dict root, name, command, args (lists), ports (dict name: port),
admin (port), live (path), values (with the probes' timeouts), resources, mounts (dict path: volume), env. */ -}}
{{- define "controller" -}}
{{- $values := .root.Values -}}
- name: {{ .name }}
  image: {{ $values.controllerImage }}:{{ $values.controllerImageVersion | default $values.linkerdVersion }}
  imagePullPolicy: {{ $values.imagePullPolicy }}
  {{- with .command }}
  command: {{ toJson . }}
  {{- end }}
  args:
  {{- toYaml .args | nindent 2 }}
  {{- with .env }}
  env:
  {{- toYaml . | nindent 2 }}
  {{- end }}
  ports:
  {{- range $name, $port := .ports }}
  - name: {{ $name }}
    containerPort: {{ $port }}
  {{- end }}
  livenessProbe:
    httpGet: {path: {{ .live | default "/ping" }}, port: {{ .admin }}}
    initialDelaySeconds: 10
    timeoutSeconds: {{ .values.livenessProbe.timeoutSeconds }}
  readinessProbe:
    httpGet: {path: /ready, port: {{ .admin }}}
    failureThreshold: 7
    timeoutSeconds: {{ .values.readinessProbe.timeoutSeconds }}
  {{- with .resources }}
  {{- include "resources" . | nindent 2 }}
  {{- end }}
  securityContext:
    allowPrivilegeEscalation: false
    capabilities: {drop: [ALL]}
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    runAsUser: {{ $values.controllerUID }}
    {{- if ge (int $values.controllerGID) 0 }}
    runAsGroup: {{ $values.controllerGID }}
    {{- end }}
    seccompProfile: {type: RuntimeDefault}
  volumeMounts:
  {{- range $path, $volume := .mounts }}
  - name: {{ $volume }}
    mountPath: {{ $path }}
    readOnly: true
  {{- end }}
  - name: kube-api-access
    mountPath: /var/run/secrets/kubernetes.io/serviceaccount
    readOnly: true
{{- end }}

{{- /* A control plane pod's own proxy. Takes dict root, component, inboundPorts, native, await (bools), resources. */ -}}
{{- define "proxy" -}}
{{- $proxy := .root.Values.proxy -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $domain := include "trust-domain" .root -}}
- name: linkerd-proxy
  image: {{ $proxy.image.name }}:{{ $proxy.image.version | default .root.Values.linkerdVersion }}
  imagePullPolicy: {{ $proxy.image.pullPolicy | default .root.Values.imagePullPolicy }}
  env:
  - {name: _pod_name, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: _pod_ns, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
  - {name: _pod_sa, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
  - {name: LINKERD2_PROXY_LOG, value: {{ $proxy.logLevel | quote }}}
  - {name: LINKERD2_PROXY_INBOUND_DEFAULT_POLICY, value: all-unauthenticated}
  - {name: LINKERD2_PROXY_INBOUND_PORTS, value: {{ .inboundPorts | quote }}}
  - {name: LINKERD2_PROXY_INBOUND_LISTEN_ADDR, value: "0.0.0.0:{{ $proxy.ports.inbound }}"}
  - {name: LINKERD2_PROXY_ADMIN_LISTEN_ADDR, value: "0.0.0.0:{{ $proxy.ports.admin }}"}
  - name: LINKERD2_PROXY_DESTINATION_SVC_ADDR
    value: {{ ternary "localhost.:8086" (printf "linkerd-dst-headless.%s.svc.%s.:8086" $namespace .root.Values.clusterDomain) (eq .component "destination") }}
  - name: LINKERD2_PROXY_IDENTITY_SVC_ADDR
    value: {{ ternary "localhost.:8080" (printf "linkerd-identity-headless.%s.svc.%s.:8080" $namespace .root.Values.clusterDomain) (eq .component "identity") }}
  - name: LINKERD2_PROXY_IDENTITY_LOCAL_NAME
    value: $(_pod_sa).$(_pod_ns).serviceaccount.identity.{{ $namespace }}.{{ $domain }}
  - name: LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS
    valueFrom: {configMapKeyRef: {name: linkerd-identity-trust-roots, key: ca-bundle.crt}}
  ports:
  - {name: linkerd-proxy, containerPort: {{ $proxy.ports.inbound }}}
  - {name: linkerd-admin, containerPort: {{ $proxy.ports.admin }}}
  livenessProbe:
    httpGet: {path: /live, port: {{ $proxy.ports.admin }}}
    {{- toYaml $proxy.livenessProbe | nindent 4 }}
  readinessProbe:
    httpGet: {path: /ready, port: {{ $proxy.ports.admin }}}
    {{- toYaml $proxy.readinessProbe | nindent 4 }}
  {{- if and .native .await }}
  startupProbe:
    httpGet: {path: /ready, port: {{ $proxy.ports.admin }}}
    {{- toYaml $proxy.startupProbe | nindent 4 }}
  {{- else if .await }}
  lifecycle:
    postStart:
      exec:
        command: [/usr/lib/linkerd/linkerd-await, --timeout=2m, --port={{ $proxy.ports.admin }}]
  {{- end }}
  {{- include "resources" .resources | nindent 2 }}
  securityContext:
    {{- if $proxy.securityContext }}
    {{- toYaml $proxy.securityContext | nindent 4 }}
    {{- else }}
    allowPrivilegeEscalation: false
    capabilities: {drop: [ALL]}
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    runAsUser: {{ $proxy.uid }}
    {{- if ge (int $proxy.gid) 0 }}
    runAsGroup: {{ $proxy.gid }}
    {{- end }}
    seccompProfile: {type: RuntimeDefault}
    {{- end }}
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
  - {name: linkerd-identity-end-entity, mountPath: /var/run/linkerd/identity/end-entity}
  {{- if .root.Values.identity.serviceAccountTokenProjection }}
  - {name: linkerd-identity-token, mountPath: /var/run/secrets/tokens}
  {{- end }}
  {{- if .native }}
  restartPolicy: Always
  {{- end }}
{{- end }}

{{- /* What prepares a control plane pod's network for its proxy. Takes dict root, resources. */ -}}
{{- define "network" -}}
{{- $values := .root.Values -}}
{{- if $values.cniEnabled -}}
- name: linkerd-network-validator
  image: {{ $values.proxy.image.name }}:{{ $values.proxy.image.version | default $values.linkerdVersion }}
  imagePullPolicy: {{ $values.proxy.image.pullPolicy | default $values.imagePullPolicy }}
  command: [/usr/lib/linkerd/linkerd2-network-validator]
  args:
  - --log-format={{ $values.networkValidator.logFormat }}
  - --log-level={{ $values.networkValidator.logLevel }}
  - --timeout={{ $values.networkValidator.timeout }}
  {{- include "resources" .resources | nindent 2 }}
  securityContext:
    {{- toYaml $values.networkValidator.securityContext | nindent 4 }}
{{- else -}}
- name: linkerd-init
  {{- if semverCompare ">=2025.11.3" .root.Chart.Version }}
  image: {{ $values.proxy.image.name }}:{{ $values.proxy.image.version | default $values.linkerdVersion }}
  command: [/usr/lib/linkerd/linkerd2-proxy-init]
  {{- else }}
  {{- /* An image of its own, with versions of its own, until edge-25.11.3. */}}
  image: {{ dig "image" "name" "cr.l5d.io/linkerd/proxy-init" $values.proxyInit }}:{{ dig "image" "version" "v2.4.3" $values.proxyInit }}
  {{- end }}
  imagePullPolicy: {{ $values.proxy.image.pullPolicy | default $values.imagePullPolicy }}
  args:
  {{- if eq $values.proxyInit.iptablesMode "nft" }}
  - --firewall-bin-path=iptables-nft
  - --firewall-save-bin-path=iptables-nft-save
  {{- else if ne $values.proxyInit.iptablesMode "legacy" }}
  {{- fail (printf "proxyInit.iptablesMode %q is not supported: nft or legacy" $values.proxyInit.iptablesMode) }}
  {{- end }}
  - --incoming-proxy-port={{ $values.proxy.ports.inbound }}
  - --outgoing-proxy-port={{ $values.proxy.ports.outbound }}
  - --proxy-uid={{ $values.proxy.uid }}
  - --inbound-ports-to-ignore={{ $values.proxy.ports.control }},{{ $values.proxy.ports.admin }},{{ $values.proxyInit.ignoreInboundPorts }}
  - --outbound-ports-to-ignore={{ $values.proxyInit.kubeAPIServerPorts }}
  {{- include "resources" .resources | nindent 2 }}
  securityContext:
    allowPrivilegeEscalation: {{ $values.proxyInit.privileged }}
    capabilities: {add: [NET_ADMIN, NET_RAW]}
    privileged: {{ $values.proxyInit.privileged }}
    readOnlyRootFilesystem: true
    runAsNonRoot: {{ not $values.proxyInit.runAsRoot }}
    runAsUser: {{ ternary 0 $values.proxyInit.runAsUser $values.proxyInit.runAsRoot }}
    runAsGroup: {{ ternary 0 $values.proxyInit.runAsGroup $values.proxyInit.runAsRoot }}
    seccompProfile: {type: RuntimeDefault}
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
  - name: {{ $values.proxyInit.xtMountPath.name }}
    mountPath: {{ $values.proxyInit.xtMountPath.mountPath }}
{{- end }}
{{- end }}
