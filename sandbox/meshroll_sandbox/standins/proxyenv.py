"""The environment of a proxy. What is in it decides what `kubectl describe` and trust anchor checks see."""

from typing import Any

from meshroll_sandbox.standins.overrides import Values

Variable = dict[str, Any]

_FIELDS = {
    "_pod_name": "metadata.name",
    "_pod_ns": "metadata.namespace",
    "_pod_uid": "metadata.uid",
    "_pod_ip": "status.podIP",
    "_pod_nodeName": "spec.nodeName",
    "_pod_sa": "spec.serviceAccountName",
    "LINKERD2_PROXY_INBOUND_IPS": "status.podIPs",
}


def proxy_environment(
    values: Values, control_plane: str, trust_anchors: str, inbound_ports: str
) -> list[Variable]:
    """The variables of linkerd-proxy. `control_plane` is Linkerd's namespace, `trust_anchors` the PEM text
    that the injector had when the pod was made: it stays in the pod, so a pod's age shows in it.
    """
    fields = [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in _FIELDS.items()]
    text = _text(values, control_plane) | {
        "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS": trust_anchors.strip() + "\n",
        "LINKERD2_PROXY_INBOUND_PORTS": inbound_ports,
    }
    plain = [{"name": key, "value": value} for key, value in text.items() if value is not None]
    return [*fields, *plain, *(values["proxy"].get("additionalEnv") or [])]


def _text(values: Values, control_plane: str) -> dict[str, str | None]:
    """Variables by name; None is left out."""
    proxy, domain = values["proxy"], values["clusterDomain"]
    trust_domain = values.get("identityTrustDomain") or domain
    ports, streams = proxy["ports"], proxy["control"]["streams"]
    identity = f"serviceaccount.identity.{control_plane}.{trust_domain}"
    services = f"{control_plane}.svc.{domain}."
    headers = "" if proxy.get("logHTTPHeaders") == "insecure" else ",[{headers}]=off,[{request}]=off"
    projected = values["identity"]["serviceAccountTokenProjection"]
    return {
        "_pod_containerName": "linkerd-proxy",
        "_l5d_ns": control_plane,
        "_l5d_trustdomain": trust_domain,
        **_cores(proxy),
        "LINKERD2_PROXY_INBOUND_PORTS_REQUIRE_IDENTITY": proxy.get("requireIdentityOnInboundPorts") or None,
        "LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED": _flag(proxy["enableShutdownEndpoint"]),
        "LINKERD2_PROXY_LOG": proxy["logLevel"] + headers,
        "LINKERD2_PROXY_LOG_FORMAT": proxy["logFormat"],
        "LINKERD2_PROXY_DESTINATION_SVC_ADDR": f"linkerd-dst-headless.{services}:8086",
        "LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS": values["clusterNetworks"],
        "LINKERD2_PROXY_POLICY_SVC_ADDR": f"linkerd-policy.{services}:8090",
        "LINKERD2_PROXY_POLICY_WORKLOAD": '{"ns":"$(_pod_ns)", "pod":"$(_pod_name)"}\n',
        "LINKERD2_PROXY_INBOUND_DEFAULT_POLICY": proxy["defaultInboundPolicy"],
        "LINKERD2_PROXY_POLICY_CLUSTER_NETWORKS": values["clusterNetworks"],
        "LINKERD2_PROXY_CONTROL_STREAM_INITIAL_TIMEOUT": streams["initialTimeout"],
        "LINKERD2_PROXY_CONTROL_STREAM_IDLE_TIMEOUT": streams["idleTimeout"],
        "LINKERD2_PROXY_CONTROL_STREAM_LIFETIME": streams["lifetime"],
        "LINKERD2_PROXY_INBOUND_CONNECT_TIMEOUT": proxy["inboundConnectTimeout"] or None,
        "LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT": proxy["outboundConnectTimeout"] or None,
        "LINKERD2_PROXY_OUTBOUND_DISCOVERY_IDLE_TIMEOUT": proxy["outboundDiscoveryCacheUnusedTimeout"]
        or None,
        "LINKERD2_PROXY_INBOUND_DISCOVERY_IDLE_TIMEOUT": proxy["inboundDiscoveryCacheUnusedTimeout"] or None,
        "LINKERD2_PROXY_OUTBOUND_DETECT_TIMEOUT": _never(proxy["disableOutboundProtocolDetectTimeout"]),
        "LINKERD2_PROXY_INBOUND_DETECT_TIMEOUT": _never(proxy["disableInboundProtocolDetectTimeout"]),
        "LINKERD2_PROXY_CONTROL_LISTEN_ADDR": f"0.0.0.0:{ports['control']}",
        "LINKERD2_PROXY_ADMIN_LISTEN_ADDR": f"0.0.0.0:{ports['admin']}",
        "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR": f"127.0.0.1:{ports['outbound']}",
        "LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS": f"127.0.0.1:{ports['outbound']}",
        "LINKERD2_PROXY_INBOUND_LISTEN_ADDR": f"0.0.0.0:{ports['inbound']}",
        "LINKERD2_PROXY_INGRESS_MODE": "true" if proxy.get("isIngress") else None,
        "LINKERD2_PROXY_DESTINATION_PROFILE_SUFFIXES": "."
        if proxy["enableExternalProfiles"]
        else f"svc.{domain}.",
        "LINKERD2_PROXY_INBOUND_ACCEPT_KEEPALIVE": "10000ms",
        "LINKERD2_PROXY_OUTBOUND_CONNECT_KEEPALIVE": "10000ms",
        "LINKERD2_PROXY_INBOUND_ACCEPT_USER_TIMEOUT": "30s",
        "LINKERD2_PROXY_OUTBOUND_CONNECT_USER_TIMEOUT": "30s",
        "LINKERD2_PROXY_OUTBOUND_METRICS_HOSTNAME_LABELS": _flag(proxy["metrics"]["hostnameLabels"]),
        **{
            f"LINKERD2_PROXY_{side.upper()}_SERVER_HTTP2_KEEP_ALIVE_{name}": proxy[side]["server"]["http2"][
                f"keepAlive{name.capitalize()}"
            ]
            for side in ("inbound", "outbound")
            for name in ("INTERVAL", "TIMEOUT")
        },
        "LINKERD2_PROXY_INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION": proxy["opaquePorts"] or None,
        "LINKERD2_PROXY_DESTINATION_CONTEXT": (
            '{"ns":"$(_pod_ns)", "nodeName":"$(_pod_nodeName)", "pod":"$(_pod_name)"}\n'
        ),
        "LINKERD2_PROXY_IDENTITY_DIR": "/var/run/linkerd/identity/end-entity",
        "LINKERD2_PROXY_IDENTITY_TOKEN_FILE": "/var/run/secrets/"
        + ("tokens/linkerd-identity-token" if projected else "kubernetes.io/serviceaccount/token"),
        "LINKERD2_PROXY_IDENTITY_SVC_ADDR": f"linkerd-identity-headless.{services}:8080",
        "LINKERD2_PROXY_IDENTITY_LOCAL_NAME": f"$(_pod_sa).$(_pod_ns).{identity}",
        "LINKERD2_PROXY_IDENTITY_SVC_NAME": f"linkerd-identity.{control_plane}.{identity}",
        "LINKERD2_PROXY_DESTINATION_SVC_NAME": f"linkerd-destination.{control_plane}.{identity}",
        "LINKERD2_PROXY_POLICY_SVC_NAME": f"linkerd-destination.{control_plane}.{identity}",
        "LINKERD2_PROXY_ACCESS_LOG": proxy.get("accessLog") or None,
        "LINKERD2_PROXY_SHUTDOWN_GRACE_PERIOD": proxy.get("shutdownGracePeriod") or None,
    }


def _cores(proxy: Values) -> dict[str, str | None]:
    if fixed := proxy.get("cores"):
        return {"LINKERD2_PROXY_CORES": str(fixed), "LINKERD2_PROXY_CORES_MIN": str(fixed)}
    workers = (proxy.get("runtime") or {}).get("workers") or {}
    least, most, ratio = (workers.get(name) for name in ("minimum", "maximum", "maximumCPURatio"))
    return {
        "LINKERD2_PROXY_CORES": str(least or 1),
        "LINKERD2_PROXY_CORES_MIN": str(least or 1),
        "LINKERD2_PROXY_CORES_MAX": str(most) if most else None,
        "LINKERD2_PROXY_CORES_MAX_RATIO": str(ratio) if ratio else None,
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _never(disabled: bool) -> str | None:
    return "365d" if disabled else None
