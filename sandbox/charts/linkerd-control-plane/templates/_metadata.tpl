{{- /* "linkerd/helm edge-…", as a line of annotations. Takes the root. */ -}}
{{- define "created-by" -}}
linkerd.io/created-by: linkerd/helm {{ .Values.linkerdVersion }}
{{- end }}

{{- /* Labels of an object that belongs to a component. Takes list root, component ("" for none). */ -}}
{{- define "labels" -}}
{{- $root := index . 0 }}
{{- with index . 1 }}
linkerd.io/control-plane-component: {{ . }}
{{- end }}
linkerd.io/control-plane-ns: {{ $root.Release.Namespace }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Labels of a component's workload. Takes list root, component. */ -}}
{{- define "workload-labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/part-of: Linkerd
app.kubernetes.io/version: {{ $root.Values.linkerdVersion }}
{{ include "labels" . | trim }}
{{- end }}

{{- define "trust-domain" -}}
{{ .Values.identityTrustDomain | default .Values.clusterDomain }}
{{- end }}

{{- /* A ClusterIP or headless Service. Takes dict root, component, name, portName, port, targetPort, headless,
annotations (dict). */ -}}
{{- define "service" }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
  annotations:
    {{- include "created-by" .root | nindent 4 }}
    {{- with .annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- if .headless }}
  clusterIP: None
  {{- else }}
  type: ClusterIP
  {{- end }}
  selector:
    linkerd.io/control-plane-component: {{ .component }}
  ports:
  - name: {{ .portName }}
    port: {{ .port }}
    targetPort: {{ .targetPort }}
{{- end }}

{{- /* A PodDisruptionBudget, where they are on. Takes dict root, component, name. */ -}}
{{- define "disruption-budget" }}
{{- if .root.Values.enablePodDisruptionBudget }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
  annotations:
    {{- include "created-by" .root | nindent 4 }}
spec:
  maxUnavailable: {{ .root.Values.controller.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      linkerd.io/control-plane-component: {{ .component }}
{{- end }}
{{- end }}
