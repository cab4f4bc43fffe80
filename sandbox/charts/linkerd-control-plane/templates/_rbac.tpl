{{- /* A ClusterRole and its binding. Takes dict root, component, name, account, rules, binding (default: name). */ -}}
{{- define "cluster-role" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .name }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
rules:
{{- toYaml .rules | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .binding | default .name }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ .name }}}
subjects:
- {kind: ServiceAccount, name: {{ .account }}, namespace: {{ .root.Release.Namespace }}}
{{- end }}

{{- /* A Role in the release's namespace and, given an account, its binding. Takes the same. */ -}}
{{- define "role" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
rules:
{{- toYaml .rules | nindent 0 }}
{{- if .account }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .binding }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ .name }}}
subjects:
- {kind: ServiceAccount, name: {{ .account }}, namespace: {{ .root.Release.Namespace }}}
{{- end }}
{{- end }}
