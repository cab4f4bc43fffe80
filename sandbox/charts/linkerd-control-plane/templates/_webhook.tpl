{{- define "secret-volumes" -}}
{{- range $name, $secret := . }}
- name: {{ $name }}
  secret: {secretName: {{ $secret }}}
{{- end }}
{{- end }}

{{- define "configmap-volumes" -}}
{{- range $name, $config := . }}
- name: {{ $name }}
  configMap: {name: {{ $config }}}
{{- end }}
{{- end }}

{{- /*
A webhook's Secret and configuration, with a certificate that every render makes anew unless one is given.
Takes dict root, component, kind, service, values (externalSecret, crtPEM, keyPEM, caBundle, injectCaFrom…,
namespaceSelector), config (name), webhook (name), rules (list), extra (dict: further fields of the webhook).
*/ -}}
{{- define "webhook" }}
{{- $values := .values }}
{{- $injected := or $values.injectCaFrom $values.injectCaFromSecret }}
{{- if and $values.injectCaFrom $values.injectCaFromSecret }}
{{- fail "only one of injectCaFrom and injectCaFromSecret can be set" }}
{{- else if and $injected $values.caBundle }}
{{- fail "caBundle excludes injectCaFrom and injectCaFromSecret" }}
{{- else if and $values.externalSecret (not $injected) (empty $values.caBundle) }}
{{- fail "externalSecret needs one of caBundle, injectCaFrom and injectCaFromSecret" }}
{{- else if and $injected (not $values.externalSecret) }}
{{- fail "injectCaFrom and injectCaFromSecret need externalSecret" }}
{{- end }}
{{- $host := printf "%s.%s.svc" .service .root.Release.Namespace }}
{{- $certificate := genSelfSignedCert $host (list) (list $host) 365 }}
{{- if not $values.externalSecret }}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .service }}-k8s-tls
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
  annotations:
    {{- include "created-by" .root | nindent 4 }}
type: kubernetes.io/tls
data:
  tls.crt: {{ $values.crtPEM | default $certificate.Cert | trim | b64enc }}
  tls.key: {{ $values.keyPEM | default $certificate.Key | trim | b64enc }}
{{- end }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .config }}
  labels:
    {{- include "labels" (list .root .component) | trim | nindent 4 }}
  {{- if $injected }}
  annotations:
    {{- with $values.injectCaFrom }}
    cert-manager.io/inject-ca-from: {{ . }}
    {{- end }}
    {{- with $values.injectCaFromSecret }}
    cert-manager.io/inject-ca-from-secret: {{ . }}
    {{- end }}
  {{- end }}
webhooks:
- name: {{ .webhook }}
  admissionReviewVersions: [v1, v1beta1]
  sideEffects: None
  failurePolicy: {{ .root.Values.webhookFailurePolicy }}
  namespaceSelector:
    {{- toYaml $values.namespaceSelector | nindent 4 }}
  clientConfig:
    service: {name: {{ .service }}, namespace: {{ .root.Release.Namespace }}, path: /}
    {{- if not $injected }}
    caBundle: {{ $values.caBundle | default $certificate.Cert | trim | b64enc }}
    {{- end }}
  rules:
  {{- toYaml .rules | nindent 2 }}
  {{- with .extra }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
