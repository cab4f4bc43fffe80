"""Linkerd's edge releases, and those from which charts or injector behave differently."""

import re
from typing import NamedTuple

_NAME = re.compile(r"(?:edge-)?(?:20)?(\d\d)\.(\d{1,2})\.(\d+)")


class Edge(NamedTuple):
    """A release; compares as releases do (25.10.1 comes after 25.9.4)."""

    year: int
    month: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Edge":
        """From "edge-26.6.3", "26.6.3" or the chart's "2026.6.3". Raises ValueError."""
        found = _NAME.fullmatch(text)
        if not found:
            raise ValueError(f"{text!r} is not the name of an edge release")
        return cls(*(int(part) for part in found.groups()))

    def __str__(self) -> str:
        return f"edge-{self.year}.{self.month}.{self.number}"


NFT_BY_DEFAULT = Edge(25, 8, 2)
"""From here proxyInit.iptablesMode is nft by default, before it was legacy."""

POLICY_IN_CONTROLLER_IMAGE = Edge(25, 8, 3)
"""From here there is no policyController.image."""

GATEWAY_API_LEFT_OUT = Edge(25, 9, 4)
"""From here linkerd-crds does not install the Gateway API by default."""

TRACING_OF_CONTROLLERS = Edge(25, 10, 1)
"""From here the control plane's tracing is controller.tracing, before it was controlPlaneTracing."""

NATIVE_BETA = Edge(25, 10, 2)
"""From here the injector reads config.beta.linkerd.io/proxy-enable-native-sidecar."""

INIT_IN_PROXY_IMAGE = Edge(25, 11, 3)
"""From here linkerd-init runs the proxy's image; before, an image and a version of its own."""

NATIVE_PORTS = Edge(25, 12, 3)
"""From here the ports of init containers count as ports of the pod."""

ADDITIONAL_ENV = Edge(26, 4, 3)
"""From here config.linkerd.io/proxy-additional-env is read."""

KUBERNETES_1_31 = Edge(26, 5, 1)
"""From here the charts demand Kubernetes 1.31."""

NATIVE_STABLE = Edge(26, 5, 2)
"""From here config.linkerd.io/proxy-enable-native-sidecar is read, the beta annotation is no longer inherited
from the namespace, and a wait before exit is ignored for a native sidecar, where before it was an error.
"""
