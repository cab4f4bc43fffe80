"""Two versions of a small chart with what makes Linkerd's hard: comments, optional values, maps that are passed on."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

from meshroll.core.known_values import ChartValues, paths

VALUES = """
controllerLogLevel: info
controllerReplicas: 1
controlPlaneTracing: false
enablePodAntiAffinity: false
linkerdVersion: edge-25.10.7
identityTrustAnchorsPEM: ""
podLabels: {}
podAnnotations: {}
nodeSelector:
  kubernetes.io/os: linux
configReaders:
policyController:
  resources: {cpu: {request: ""}}
proxy:
  # -- Deprecated
  cores:
  logLevel: warn
  nativeSidecar: false
  securityContext: {}
  image: {name: cr.l5d.io/linkerd/proxy, version: ""}
proxyInit:
  image: {name: cr.l5d.io/linkerd/proxy-init, version: v2.4.3}
  logLevel: ""
identity:
  externalCA: false
  issuer:
    scheme: linkerd.io/tls
    tls: {crtPEM: "", keyPEM: ""}
proxyInjector:
  namespaceSelector:
    matchExpressions: [{key: a, operator: Exists}]
podMonitor: {enabled: false}
# heartbeatSchedule: "0 0 * * *"
#tolerations:
# nodeAffinity:
"""
HA = """
highAvailability: true
enablePodAntiAffinity: true
controllerReplicas: 3
destinationResources: {cpu: {request: 50m}}
policyControllerResources: {cpu: {request: 100m}}
"""
TEMPLATES = """
{{ .Values.controllerLogLevel }} {{ .Values.controllerReplicas }} {{ .Values.enablePodAntiAffinity }}
{{ toYaml .Values.nodeSelector }} {{ toYaml .Values.podLabels }} {{ toYaml .Values.podAnnotations }}
{{ .Values.proxy.logLevel }} {{ .Values.proxy.nativeSidecar }} {{ .Values.proxy.cores }} {{ .Values.proxy.accessLog }}
{{ .Values.proxy.image.name }}:{{ .Values.proxy.image.version | default .Values.linkerdVersion }}
{{ toYaml .Values.proxy.securityContext }} {{ range .Values.proxy.capabilities.drop }}{{ end }}
{{ .Values.proxyInit.image.name }} {{ .Values.proxyInit.image.version }} {{ .Values.proxyInit.logLevel }}
{{ .Values.identity.externalCA }} {{ .Values.identity.issuer.scheme }} {{ .Values.identity.issuer.tls.crtPEM }}
{{ .Values.identity.issuer.tls.keyPEM }} {{ toYaml .Values.proxyInjector.namespaceSelector }}
{{ .Values.podMonitor.enabled }} {{ include "resources" .Values.policyController.resources }}
{{ include "resources" .Values.destinationResources }} {{ .Values.tolerations }} {{ .Values.controlPlaneTracing }}
{{ define "resources" }}{{ .cpu.request }}{{ index . "ephemeral-storage" }}{{ end }}
"""


def _chart(version: str, values: str, ha: str, templates: str) -> ChartValues:
    return ChartValues.of(version, yaml.safe_load(values), yaml.safe_load(ha), templates, values)


OLDER = _chart("2025.10.7", VALUES, HA, TEMPLATES)
NEWER = _chart(
    "2026.6.3",
    VALUES.replace("controlPlaneTracing: false\n", "controller: {tracing: {enabled: false}}\n")
    .replace("  image: {name: cr.l5d.io/linkerd/proxy-init, version: v2.4.3}\n", "")
    .replace("  nativeSidecar: false", "  nativeSidecar: true")
    .replace("edge-25.10.7", "edge-26.6.3"),
    HA.replace("50m", "100m").replace("policyControllerResources: {cpu: {request: 100m}}", "")
    + "controller: {podDisruptionBudget: {maxUnavailable: 1}}\n",
    TEMPLATES.replace(
        "{{ .Values.controlPlaneTracing }}", "{{ .Values.controller.tracing.enabled }}"
    ).replace("{{ .Values.proxyInit.image.name }} {{ .Values.proxyInit.image.version }}", ""),
)
OPTIONAL = [
    ("nodeSelector", "disk"),
    ("podLabels", "team"),
    ("proxy", "accessLog"),
    ("destinationResources", "cpu", "request"),
    ("heartbeatSchedule",),
    ("proxy", "image", "pullPolice"),
    ("quite", "other"),
]
_SET = st.lists(
    st.tuples(
        st.sampled_from([*paths(OLDER.defaults), *paths(OLDER.ha), *OPTIONAL]),
        st.sampled_from([True, "debug", 7, "v2.4.3", False]),
    ),
    max_size=6,
)


def _nested(chosen: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for path, value in chosen:
        node = result
        for key in path[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                break
        else:
            node[path[-1]] = value
    return result


values = _SET.map(_nested)
"""Values as an operator gives them to Helm: some that a chart takes, some that none does."""
