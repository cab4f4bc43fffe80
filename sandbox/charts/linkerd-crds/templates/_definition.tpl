{{- /*
A CustomResourceDefinition whose versions take anything.
Takes a dict: root, group, kind, plural, short (list, optional), category (optional), annotations (dict, optional),
versions: a list of dicts name, storage (bool), status (bool), required (list of fields of spec), columns (a list of
lists name, type, path).
*/ -}}
{{- define "definition" }}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {{ .plural }}.{{ .group }}
  annotations:
    {{- /* Just what Linkerd's chart writes, which has no value to fill in: the release is in the label below. */}}
    linkerd.io/created-by: linkerd/helm %!s(<nil>)
    {{- with .annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
    linkerd.io/control-plane-ns: {{ .root.Release.Namespace }}
spec:
  group: {{ .group }}
  scope: Namespaced
  names:
    kind: {{ .kind }}
    listKind: {{ .kind }}List
    plural: {{ .plural }}
    singular: {{ lower .kind }}
    {{- with .short }}
    shortNames: {{ toJson . }}
    {{- end }}
    {{- with .category }}
    categories: [{{ . }}]
    {{- end }}
  versions:
  {{- range .versions }}
  - name: {{ .name }}
    served: true
    storage: {{ .storage | default false }}
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
        properties:
          spec:
            type: object
            x-kubernetes-preserve-unknown-fields: true
            {{- with .required }}
            required: {{ toJson . }}
            {{- end }}
    {{- if .status }}
    subresources:
      status: {}
    {{- end }}
    {{- with .columns }}
    additionalPrinterColumns:
    {{- range . }}
    - name: {{ index . 0 }}
      type: {{ index . 1 }}
      jsonPath: {{ index . 2 }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
