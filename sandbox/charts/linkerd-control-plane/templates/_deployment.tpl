{{- /*
A component's Deployment, with its proxy. Takes dict root, component, containers, volumes (both YAML text), inboundPorts,
selector, annotations, podAnnotations (dicts), native, await, proxyFirst (bools), proxyResources.
The proxy of a control plane pod never waits before it exits, whatever the values say.
*/ -}}
{{- define "deployment" }}
{{- $values := .root.Values }}
{{- $name := printf "linkerd-%s" .component }}
{{- $resources := mergeOverwrite (deepCopy $values.proxy.resources) (.proxyResources | default dict) }}
{{- $proxy := include "proxy" (merge (dict "resources" $resources) .) }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "workload-labels" (list .root .component) | nindent 4 }}
  annotations:
    {{- include "created-by" .root | nindent 4 }}
spec:
  replicas: {{ $values.controllerReplicas }}
  revisionHistoryLimit: {{ $values.revisionHistoryLimit }}
  selector:
    matchLabels:
      {{- toYaml .selector | nindent 6 }}
  {{- with $values.deploymentStrategy }}
  strategy:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  template:
    metadata:
      labels:
        linkerd.io/control-plane-component: {{ .component }}
        linkerd.io/control-plane-ns: {{ .root.Release.Namespace }}
        linkerd.io/workload-ns: {{ .root.Release.Namespace }}
        linkerd.io/proxy-deployment: {{ $name }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        {{- include "created-by" .root | nindent 8 }}
        linkerd.io/proxy-version: {{ $values.proxy.image.version | default $values.linkerdVersion }}
        linkerd.io/trust-root-sha256: {{ $values.identityTrustAnchorsPEM | sha256sum }}
        cluster-autoscaler.kubernetes.io/safe-to-evict: "true"
        config.linkerd.io/default-inbound-policy: all-unauthenticated
        {{- with mergeOverwrite (deepCopy $values.podAnnotations) (.podAnnotations | default dict) (.annotations | default dict) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: false
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $values.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      {{- with $values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if or $values.enablePodAntiAffinity $values.nodeAffinity }}
      affinity:
        {{- with $values.nodeAffinity }}
        nodeAffinity:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- if $values.enablePodAntiAffinity }}
        {{- $peers := dict "matchExpressions" (list (dict "key" "linkerd.io/control-plane-component" "operator" "In" "values" (list .component))) }}
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {{ toJson $peers }}
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            podAffinityTerm:
              topologyKey: topology.kubernetes.io/zone
              labelSelector: {{ toJson $peers }}
        {{- end }}
      {{- end }}
      securityContext:
        seccompProfile: {type: RuntimeDefault}
      initContainers:
      {{- include "network" (dict "root" .root "resources" $resources) | nindent 6 }}
      {{- if .native }}
      {{- $proxy | nindent 6 }}
      {{- end }}
      containers:
      {{- if and .proxyFirst (not .native) }}
      {{- $proxy | nindent 6 }}
      {{- end }}
      {{- .containers | nindent 6 }}
      {{- if not (or .proxyFirst .native) }}
      {{- $proxy | nindent 6 }}
      {{- end }}
      volumes:
      {{- .volumes | nindent 6 }}
      - name: kube-api-access
        projected:
          sources:
          - serviceAccountToken: {path: token, expirationSeconds: 3607}
          - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
          - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
      {{- if not $values.cniEnabled }}
      - name: {{ $values.proxyInit.xtMountPath.name }}
        emptyDir: {}
      {{- end }}
      {{- if $values.identity.serviceAccountTokenProjection }}
      - name: linkerd-identity-token
        projected:
          sources:
          - serviceAccountToken: {path: linkerd-identity-token, expirationSeconds: 86400, audience: identity.l5d.io}
      {{- end }}
      - name: linkerd-identity-end-entity
        emptyDir: {medium: Memory}
{{- end }}
