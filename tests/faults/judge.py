"""What is wrong with a namespace for each end that a run may have, as sentences; none means that it is so."""

from __future__ import annotations

from faults.fields import lost_fields
from faults.state import DIALS, State, annotations_of

from meshroll.core.model import INJECT


def why_not_new(state: State, original: State, target: str) -> list[str]:
    """Meshed, the client holding a connection to ``target``, the namespace saying inject."""
    wrong = [*why_not_over(state), *lost_fields(state, original), *_why_not_dialling(state, "pooled", target)]
    for owner in original.pods:
        plain = [pod.name for pod in state.pods.get(owner, []) if pod.proxy is None]
        if plain or not state.pods.get(owner):
            wrong.append(f"{owner} is called meshed, and {', '.join(plain) or 'has no pods'} is not")
    if annotations_of(state.namespace).get(INJECT) != "enabled":
        wrong.append("the namespace does not say inject")
    return wrong


def why_not_fallback(state: State, original: State, target: str) -> list[str]:
    """No proxy, a ClusterIP Service, the client dialling ``target`` once per request."""
    return [
        *why_not_over(state),
        *lost_fields(state, original),
        *_why_not_dialling(state, "per_request", target),
        *_proxies(state),
        *_traces(state),
    ]


def why_not_previous(state: State, original: State) -> list[str]:
    """Everything as it was, but for the pods, which are others."""
    wrong = [*why_not_over(state), *_proxies(state), *lost_fields(state, original, exact=True)]
    extra = state.services.keys() - original.services.keys()
    return [*wrong, *(f"Service {name} was made and is still there" for name in sorted(extra))]


def why_not_over(state: State) -> list[str]:
    """The lock is free and no run is left in the middle."""
    holder = ((state.lease or {}).get("spec") or {}).get("holderIdentity")
    return [
        *([f"the lock is held by {holder}"] if holder else []),
        *(f"the journal calls {run} running" for run in state.running),
        *_mixtures(state),
    ]


def _why_not_dialling(state: State, mode: str, target: str) -> list[str]:
    found = {name: state.variable(name) for name in DIALS}
    wanted = {"TARGET": target, "DIAL_MODE": mode}
    return [
        f"the client's {name} is {found[name]}, not {wanted[name]}"
        for name in DIALS
        if found[name] != wanted[name]
    ] + _unreachable(state, target)


def _unreachable(state: State, target: str) -> list[str]:
    """A Service that is dialled as a ClusterIP has to be one."""
    name = target.removeprefix("dns:///").partition(".")[0]
    service = state.services.get(name)
    if service is None:
        return [f"the client dials Service {name}, which is not there"]
    return [] if service["spec"].get("clusterIP") not in (None, "", "None") else [f"{name} has no address"]


def _proxies(state: State) -> list[str]:
    return [
        f"{owner}: {pod.name} still has a proxy"
        for owner, pods in state.pods.items()
        for pod in pods
        if pod.proxy is not None
    ]


def _mixtures(state: State) -> list[str]:
    return [
        f"{owner} is meshed in part"
        for owner, pods in state.pods.items()
        if len({pod.proxy is not None for pod in pods}) > 1
    ]


def _traces(state: State) -> list[str]:
    """Annotations that would inject the next pod."""
    found = [("the namespace", annotations_of(state.namespace))]
    found += [
        (f"Deployment/{name}'s template", annotations_of(item["spec"]["template"]))
        for name, item in state.deployments.items()
    ]
    return [f"{what} still says inject" for what, annotations in found if INJECT in annotations]
