"""How annotations change the values that a pod's proxy is made of (linkerd2: pkg/inject/inject.go)."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from meshroll_sandbox.standins.edge import ADDITIONAL_ENV, NATIVE_BETA, NATIVE_STABLE, Edge
from meshroll_sandbox.standins.parsing import parse_bool, parse_count, parse_milliseconds, parse_quantity

Values = dict[str, Any]
Annotations = Mapping[str, str]

STABLE, BETA, ALPHA = "config.linkerd.io/", "config.beta.linkerd.io/", "config.alpha.linkerd.io/"

INJECT = "linkerd.io/inject"
OPAQUE_PORTS = STABLE + "opaque-ports"
ADDITIONAL_ENV_KEY = STABLE + "proxy-additional-env"
NATIVE = "proxy-enable-native-sidecar"
WAIT = ALPHA + "proxy-wait-before-exit-seconds"

_POLICIES = (
    "all-unauthenticated",
    "all-authenticated",
    "cluster-unauthenticated",
    "cluster-authenticated",
    "deny",
    "audit",
)


def _parse_seconds(text: str) -> str:
    return f"{int(parse_milliseconds(text).removesuffix('ms')) // 1000}s"


def _parse_enabled(text: str) -> bool:
    if text not in ("enabled", "disabled"):
        raise ValueError(f"{text!r} is neither enabled nor disabled")
    return text == "enabled"


def _parse_policy(text: str) -> str:
    if text not in _POLICIES:
        raise ValueError(f"{text!r} is not a policy")
    return text


_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    STABLE + "proxy-image": ("proxy.image.name", str),
    STABLE + "proxy-version": ("proxy.image.version", str),
    STABLE + "image-pull-policy": ("proxy.image.pullPolicy", str),
    STABLE + "control-port": ("proxy.ports.control", parse_count),
    STABLE + "inbound-port": ("proxy.ports.inbound", parse_count),
    STABLE + "admin-port": ("proxy.ports.admin", parse_count),
    STABLE + "outbound-port": ("proxy.ports.outbound", parse_count),
    STABLE + "proxy-admin-shutdown": ("proxy.enableShutdownEndpoint", _parse_enabled),
    STABLE + "proxy-log-level": ("proxy.logLevel", str),
    STABLE + "proxy-log-format": ("proxy.logFormat", str),
    STABLE + "proxy-log-http-headers": ("proxy.logHTTPHeaders", str),
    STABLE + "proxy-require-identity-inbound-ports": ("proxy.requireIdentityOnInboundPorts", str),
    STABLE + "proxy-metrics-hostname-labels": ("proxy.metrics.hostnameLabels", parse_bool),
    STABLE + "proxy-outbound-connect-timeout": ("proxy.outboundConnectTimeout", parse_milliseconds),
    STABLE + "proxy-inbound-connect-timeout": ("proxy.inboundConnectTimeout", parse_milliseconds),
    STABLE + "proxy-outbound-discovery-cache-unused-timeout": (
        "proxy.outboundDiscoveryCacheUnusedTimeout",
        _parse_seconds,
    ),
    STABLE + "proxy-inbound-discovery-cache-unused-timeout": (
        "proxy.inboundDiscoveryCacheUnusedTimeout",
        _parse_seconds,
    ),
    STABLE + "proxy-disable-outbound-protocol-detect-timeout": (
        "proxy.disableOutboundProtocolDetectTimeout",
        parse_bool,
    ),
    STABLE + "proxy-disable-inbound-protocol-detect-timeout": (
        "proxy.disableInboundProtocolDetectTimeout",
        parse_bool,
    ),
    STABLE + "shutdown-grace-period": ("proxy.shutdownGracePeriod", parse_milliseconds),
    WAIT: ("proxy.waitBeforeExitSeconds", parse_count),
    STABLE + "proxy-cpu-request": ("proxy.resources.cpu.request", parse_quantity),
    STABLE + "proxy-cpu-limit": ("proxy.resources.cpu.limit", parse_quantity),
    STABLE + "proxy-memory-request": ("proxy.resources.memory.request", parse_quantity),
    STABLE + "proxy-memory-limit": ("proxy.resources.memory.limit", parse_quantity),
    STABLE + "proxy-ephemeral-storage-request": ("proxy.resources.ephemeral-storage.request", parse_quantity),
    STABLE + "proxy-ephemeral-storage-limit": ("proxy.resources.ephemeral-storage.limit", parse_quantity),
    STABLE + "proxy-uid": ("proxy.uid", parse_count),
    STABLE + "proxy-gid": ("proxy.gid", parse_count),
    STABLE + "enable-external-profiles": ("proxy.enableExternalProfiles", parse_bool),
    STABLE + "skip-inbound-ports": ("proxyInit.ignoreInboundPorts", str),
    STABLE + "skip-outbound-ports": ("proxyInit.ignoreOutboundPorts", str),
    STABLE + "skip-subnets": ("proxyInit.skipSubnets", str),
    STABLE + "proxy-await": ("proxy.await", _parse_enabled),
    STABLE + "default-inbound-policy": ("proxy.defaultInboundPolicy", _parse_policy),
    STABLE + "access-log": ("proxy.accessLog", str),
}


def native_annotations(edge: Edge) -> list[str]:
    """The annotations that choose a native sidecar in this release, the strongest first."""
    known = [(NATIVE_STABLE, STABLE), (NATIVE_BETA, BETA), (Edge(0, 0, 0), ALPHA)]
    return [prefix + NATIVE for since, prefix in known if edge >= since]


def inherited(edge: Edge) -> list[str]:
    """The annotations that a pod without them takes from its namespace."""
    native = [key for key in native_annotations(edge) if edge < NATIVE_STABLE or not key.startswith(BETA)]
    more = [ADDITIONAL_ENV_KEY] if edge >= ADDITIONAL_ENV else []
    debug = [STABLE + "enable-debug-sidecar", STABLE + "pod-inbound-ports"]
    return [*_FIELDS, OPAQUE_PORTS, *debug, *native, *more, INJECT]


def apply(values: Values, annotations: Annotations, edge: Edge, named_ports: Mapping[str, int]) -> None:
    """Change `values` in place as the annotations say. A value that cannot be parsed is as good as absent."""
    for key, (path, parse) in _FIELDS.items():
        _override(values, annotations, key, path, parse)
    for key in native_annotations(edge):
        if key in annotations:
            # The strongest one decides, even when it is not a boolean.
            _override(values, annotations, key, "proxy.nativeSidecar", parse_bool)
            break
    for key, field in (("proxy-cpu-request", "minimum"), ("proxy-cpu-limit", "maximum")):
        _override(values, annotations, STABLE + key, f"proxy.runtime.workers.{field}", _whole_cores)
    # Never inherited from the namespace, unlike all the others.
    _override(
        values, annotations, STABLE + "proxy-cpu-ratio-limit", "proxy.runtime.workers.maximumCPURatio", _ratio
    )
    if annotations.get(INJECT) == "ingress":
        values["proxy"]["isIngress"] = True
    if OPAQUE_PORTS in annotations:
        ports = (port.strip() for port in annotations[OPAQUE_PORTS].removesuffix(",").split(","))
        values["proxy"]["opaquePorts"] = ",".join(str(named_ports.get(port, port)) for port in ports)


def merge_environment(values: Values, layers: Iterable[Annotations]) -> None:
    """Add each layer's additional environment to the proxy's; a later layer replaces what has its name."""
    merged = {variable["name"]: variable for variable in values["proxy"].get("additionalEnv") or []}
    for annotations in layers:
        try:
            merged |= {each["name"]: each for each in json.loads(annotations.get(ADDITIONAL_ENV_KEY) or "[]")}
        except (ValueError, TypeError, KeyError):
            continue  # as if it was not there
    values["proxy"]["additionalEnv"] = list(merged.values())


def _override(
    values: Values, annotations: Annotations, key: str, path: str, parse: Callable[[str], Any]
) -> None:
    if key not in annotations:
        return
    try:
        value = parse(annotations[key])
    except ValueError:
        return
    *parents, last = path.split(".")
    for name in parents:
        values = values.setdefault(name, {})
    values[last] = value


def _ratio(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise ValueError(f"{text!r} is not between 0 and 1")
    return number


def _whole_cores(text: str) -> int:
    number, suffix = parse_quantity(text), ""
    if number.endswith("m"):
        number, suffix = number[:-1], "m"
    try:
        cores = Decimal(number)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is not a number of cores") from error
    return math.ceil(cores / 1000 if suffix else cores)
