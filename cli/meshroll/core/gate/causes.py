"""Why a client is pinned, as far as that can be known, and what to do; of several causes, how to tell them apart."""

from __future__ import annotations

from typing import NamedTuple

from meshroll.core.gate.calls import Calls
from meshroll.core.plan import Known


class Cause(NamedTuple):
    text: str
    hint: str


# All pods have a proxy, the application counted requests, and none of the proxies did.
PAST_PROXIES = Cause(
    "no proxy counted these requests: their port is skipped, or they come by a port-forward",
    "Take the port out of config.linkerd.io/skip-inbound-ports (and the control plane's "
    "proxyInit.ignoreInboundPorts), and restart its pods. `kubectl port-forward` goes past the proxy, to one pod.",
)
ACCESS_LOG = "config.linkerd.io/access-log: apache on the server's pods shows its address."


def cause(call: Calls, known: Known, balanced_requests: float) -> Cause:
    """The likeliest one. ``balanced_requests`` of others, to the same workload, were balanced by their proxies."""
    name = call.workload or call.client
    if not call.client:
        return _without_proxy(known)
    if call.service:
        return Cause(
            f"its proxy chose it among the pods of Service {call.service}: others are of another zone or node, or fail",
            f"See trafficDistribution and internalTrafficPolicy of Service {call.service}, and the other pods' errors.",
        )
    if known.headless:
        return Cause(
            f"it dials the pods of headless Service {', '.join(known.headless)} itself",
            f"Let {name} dial a ClusterIP Service: Linkerd does not balance headless ones.",
        )
    if balanced_requests:
        # A socket load balancer would have replaced the Service's address for these too.
        return Cause(
            "it dials the addresses of pods itself, by a balancer of its own (kuberesolver, xDS)",
            f"Let {name} dial the Service's DNS name with pick_first, and without a balancer of its own.",
        )
    return Cause(
        "it dials the addresses of pods itself (kuberesolver, xDS), or a socket load balancer (Cilium, Calico eBPF) "
        "replaces the Service's address before its proxy sees it",
        f"Does {name} dial the Service's DNS name? Then it is the socket load balancer: Cilium needs "
        "socketLB.hostNamespaceOnly=true. If not, let it dial that name with pick_first.",
    )


def _without_proxy(known: Known) -> Cause:
    if known.unmeshed:
        return Cause(
            f"{' or '.join(known.unmeshed)} has no proxy and holds its connection, or a caller that no manifest names",
            f"Mesh it, or let it dial once per request. {ACCESS_LOG}",
        )
    return Cause(
        "a caller that no manifest names has no proxy, or its proxy's skip-outbound-ports has this port",
        f"Find it, and mesh it or let it dial once per request. {ACCESS_LOG}",
    )
