"""The annotations that Linkerd reads, what their values have to be, and those that it no longer reads.

From linkerd2 at edge-26.8.3: pkg/k8s/labels.go has the keys, pkg/inject/inject.go (ApplyAnnotationOverrides) reads the
values. What a value is refused for, the injector only logs: the pod gets the default, and nobody is told.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from meshroll.core.go_values import boolean, duration_seconds
from meshroll.core.injection import GA_SINCE, NATIVE_ALPHA, NATIVE_BETA, NATIVE_GA, WAIT
from meshroll.core.model import INJECT
from meshroll.core.releases import Edge

CONFIG = "config.linkerd.io/"
PREFIXES = ("linkerd.io/", CONFIG, "config.alpha.linkerd.io/", "config.beta.linkerd.io/")
INJECT_VALUES = ("enabled", "disabled", "ingress")
# kubernetes pkg/api/resource/quantity.go.
_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Values:
    """What is read: ``told`` says it, ``takes`` tells a value that is."""

    told: str
    takes: Callable[[str], bool]


def _is_ratio(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text or "[]"), list)
    except ValueError:
        return False


BOOLEAN = Values("true or false", lambda text: boolean(text) is not None)
SWITCH = Values("enabled or disabled", lambda text: text in ("enabled", "disabled"))
COUNT = Values("a whole number", lambda text: re.fullmatch(r"[0-9]+", text) is not None)
INTEGER = Values("a whole number", lambda text: re.fullmatch(r"[+-]?[0-9]+", text) is not None)
DURATION = Values("a duration such as 30s", lambda text: duration_seconds(text) is not None)
QUANTITY = Values("a quantity such as 100m or 64Mi", lambda text: _QUANTITY.fullmatch(text) is not None)
RATIO = Values("a number between 0 and 1", _is_ratio)
ENVIRONMENT = Values("a JSON list of variables", _is_list)
ANY = Values("anything", lambda _: True)

_CONFIGURED: Mapping[Values, tuple[str, ...]] = {
    BOOLEAN: (
        "enable-debug-sidecar",
        "enable-external-profiles",
        "enable-gateway",
        "proxy-disable-inbound-protocol-detect-timeout",
        "proxy-disable-outbound-protocol-detect-timeout",
        "proxy-enable-native-sidecar",
        "proxy-metrics-hostname-labels",
    ),
    SWITCH: ("proxy-admin-shutdown", "proxy-await"),
    INTEGER: ("admin-port", "control-port", "inbound-port", "outbound-port", "proxy-gid", "proxy-uid"),
    DURATION: (
        "close-wait-timeout",
        "proxy-inbound-connect-timeout",
        "proxy-inbound-discovery-cache-unused-timeout",
        "proxy-outbound-connect-timeout",
        "proxy-outbound-discovery-cache-unused-timeout",
        "shutdown-grace-period",
    ),
    QUANTITY: (
        "proxy-cpu-limit",
        "proxy-cpu-request",
        "proxy-ephemeral-storage-limit",
        "proxy-ephemeral-storage-request",
        "proxy-memory-limit",
        "proxy-memory-request",
    ),
    RATIO: ("proxy-cpu-ratio-limit",),
    ENVIRONMENT: ("proxy-additional-env",),
    ANY: (
        "access-log",
        "debug-image",
        "debug-image-pull-policy",
        "debug-image-version",
        "default-inbound-policy",  # policy-denies-unmeshed has its values
        "image-pull-policy",
        "opaque-ports",
        "pod-inbound-ports",
        "proxy-image",
        "proxy-log-format",
        "proxy-log-http-headers",
        "proxy-log-level",
        "proxy-require-identity-inbound-ports",
        "proxy-version",
        "skip-inbound-ports",
        "skip-outbound-ports",
        "skip-subnets",
    ),
}
CONFIGURES: Mapping[str, Values] = {
    **{CONFIG + name: values for values, names in _CONFIGURED.items() for name in names},
    NATIVE_ALPHA: BOOLEAN,
    NATIVE_BETA: BOOLEAN,
    WAIT: COUNT,
}
# What Linkerd itself writes, and labels of its own that charts repeat as annotations.
OTHERS = frozenset(
    {
        INJECT,
        CONFIG + "admission-webhooks",
        *(
            f"linkerd.io/{name}"
            for name in (
                "cni-resource",
                "control-plane-component",
                "control-plane-ns",
                "created-by",
                "extension",
                "helm-release-version",
                "is-control-plane",
                "proxy-cronjob",
                "proxy-daemonset",
                "proxy-deployment",
                "proxy-job",
                "proxy-replicaset",
                "proxy-replicationcontroller",
                "proxy-statefulset",
                "proxy-version",
                "trust-root-sha256",
                "workload-ns",
            )
        ),
    }
)


@dataclass(frozen=True)
class Gone:
    """``since``: the first edge that does not read it; ``instead``: what to do."""

    since: Edge
    instead: str


_MERGED = Gone(Edge(25, 11, 3), "Take it away: the proxy's image is the init container's too (proxy-image).")
_JAEGER = Gone(Edge(25, 10, 1), "Set proxy.tracing in the control plane's values: linkerd-jaeger is gone.")
_IDENTITY = Gone(Edge(22, 2, 1), "Take it away: every proxy has an identity.")
GONE: Mapping[str, Gone] = {
    CONFIG + "init-image": _MERGED,
    CONFIG + "init-image-version": _MERGED,
    CONFIG + "trace-collector": _JAEGER,
    CONFIG + "trace-collector-name": _JAEGER,
    CONFIG + "trace-collector-protocol": _JAEGER,
    "config.alpha.linkerd.io/trace-collector-service-account": _JAEGER,
    CONFIG + "disable-tap": Gone(Edge(21, 2, 2), "Write viz.linkerd.io/disable-tap in its place."),
    CONFIG + "disable-identity": _IDENTITY,
    "linkerd.io/identity-mode": _IDENTITY,
    "linkerd.io/identity-issuer-expiry": Gone(Edge(21, 8, 2), "Take it away."),
}


def is_known(key: str) -> bool:
    """Whether it is Linkerd's: of this release or of an earlier one. Keys of other prefixes are not asked about."""
    return not key.startswith(PREFIXES) or key in CONFIGURES or key in OTHERS or key in GONE


def meant(key: str, edge: Edge) -> str | None:
    """The key of this release that an unknown one is nearest to: of the same name under another prefix, or spelt alike.

    Of the three that say the kind of sidecar, the one that a release of its age reads everywhere.
    """
    others = {NATIVE_BETA, NATIVE_ALPHA if edge >= GA_SINCE else NATIVE_GA}
    by_name = {known.partition("/")[2]: known for known in [*CONFIGURES, INJECT] if known not in others}
    name = key.partition("/")[2]
    close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.6)
    return by_name[close[0]] if close else None
