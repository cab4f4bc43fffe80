"""How a namespace stands, as the API server shows it, and what is wrong with that for each end that a run may have.

Each judgement returns sentences; none means that it is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshroll.adapters.kube.client import Kube
from meshroll.core.injection import OWN_ANNOTATIONS, RESTARTED_BY
from meshroll.core.model import INJECT, Pod

Object = dict[str, Any]
DIALS = ("TARGET", "DIAL_MODE")
# Keys may hold any of the usual ones.
SEPARATOR = "\0"
# Written by the API server and its controllers.
_SERVERS_OWN = ("resourceVersion", "generation", "managedFields")
_REVISION = "deployment.kubernetes.io/revision"
_INJECTION = frozenset({INJECT, RESTARTED_BY, *OWN_ANNOTATIONS})
# An address is given, and the ports that clients of the pods dial become the Service's own.
_CONVERTED = ("clusterIP", "clusterIPs", "ports")


@dataclass(frozen=True)
class State:
    """One moment. ``running`` are the namespace's runs that the journal calls running; ``lease`` is the lock's object."""

    namespace: Object
    deployments: dict[str, Object]
    services: dict[str, Object]
    pods: dict[str, list[Pod]]
    lease: Object | None
    running: tuple[str, ...]

    @classmethod
    def read(cls, kube: Kube, name: str) -> State:
        home = kube.get(f"/api/v1/namespaces/{name}")
        assert home is not None
        pods: dict[str, list[Pod]] = {}
        for item in kube.list_all(f"/api/v1/namespaces/{name}/pods")[0]:
            pod = Pod(item)
            if not pod.ending:
                pods.setdefault(pod.owner or pod.name, []).append(pod)
        journal, _ = kube.list_all(
            "/api/v1/namespaces/meshroll/configmaps", labelSelector="meshroll.io/state=running"
        )
        return cls(
            namespace=home,
            deployments=_by_name(kube.list_all(f"/apis/apps/v1/namespaces/{name}/deployments")[0]),
            services=_by_name(kube.list_all(f"/api/v1/namespaces/{name}/services")[0]),
            pods=pods,
            lease=kube.get("/apis/coordination.k8s.io/v1/namespaces/meshroll/leases/meshroll"),
            # Whatever the journal's format: a run of this namespace names it somewhere.
            running=tuple(
                item["metadata"]["name"] for item in journal if f'"{name}"' in "".join(item["data"].values())
            ),
        )

    def variable(self, name: str) -> str:
        """A variable of the client."""
        containers = self.deployments["client"]["spec"]["template"]["spec"]["containers"]
        return next(str(entry["value"]) for entry in containers[0]["env"] if entry["name"] == name)


def why_not_new(state: State, original: State, target: str) -> list[str]:
    """Meshed, the client holding a connection to ``target``, the namespace saying inject."""
    wrong = [*why_not_over(state), *lost_fields(state, original), *_why_not_dialling(state, "pooled", target)]
    for owner in original.pods:
        plain = [pod.name for pod in state.pods.get(owner, []) if pod.proxy is None]
        if plain or not state.pods.get(owner):
            wrong.append(f"{owner} is called meshed, and {', '.join(plain) or 'has no pods'} is not")
    if _annotations(state.namespace).get(INJECT) != "enabled":
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
    wrong = [*why_not_over(state), *_proxies(state), *_differences(state, original, exact=True)]
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


def lost_fields(state: State, original: State) -> list[str]:
    """What the objects had and have no longer, or have otherwise, though no run changes it on purpose."""
    return _differences(state, original, exact=False)


def _differences(state: State, original: State, exact: bool) -> list[str]:
    wrong = list(_compared("Namespace", original.namespace, state.namespace, exact))
    for kind, before, now in (
        ("Deployment", original.deployments, state.deployments),
        ("Service", original.services, state.services),
    ):
        for name, manifest in before.items():
            if name in now:
                wrong += _compared(f"{kind}/{name}", manifest, now[name], exact)
            else:
                wrong.append(f"{kind}/{name} is gone")
    return wrong


def _compared(what: str, before: Object, now: Object, exact: bool) -> Iterable[str]:
    left, right = _kept(before, exact), _kept(now, exact)
    for path in sorted(left.keys() | right.keys()):
        if left.get(path) != right.get(path):
            yield f"{what} {path.replace(SEPARATOR, '.')}: was {left.get(path)!r}, is {right.get(path)!r}"
    if exact or before["kind"] != "Service":
        return
    for port in before["spec"].get("ports") or []:
        kept: Object = next(
            (p for p in now["spec"].get("ports") or [] if p.get("name") == port.get("name")), {}
        )
        gone = {key: value for key, value in port.items() if key not in kept}
        if gone or kept["port"] != port["port"]:
            yield f"{what} port {port.get('name')}: {gone or kept}"


def _kept(manifest: Object, exact: bool) -> dict[str, Any]:
    """The fields to compare, by path; empty maps count as none, as the API server has it."""
    flat: dict[str, Any] = dict(_flat("", {key: value for key, value in manifest.items() if key != "status"}))
    return {path: value for path, value in flat.items() if not _of_others(path, manifest, exact)}


def _of_others(path: str, manifest: Object, exact: bool) -> bool:
    keys = path.split(SEPARATOR)[1:]
    if keys[0] == "metadata" and (keys[1] in _SERVERS_OWN or keys[-1] == _REVISION):
        return True
    if exact:
        # A run that restarted pods leaves its name there, or takes it back: the pods are others either way.
        return keys[-1] == RESTARTED_BY
    if "annotations" in keys and (keys[-1] in _INJECTION or keys[-1].startswith("meshroll.io/")):
        return True
    if manifest["kind"] == "Service":
        return keys[0] == "spec" and keys[1] in _CONVERTED
    return keys[-1] == "value" and any(f"[{name}]" in keys for name in DIALS)


def _flat(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    """(path, leaf); lists of named things by name, so that a new first one does not shift the others."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{path}{SEPARATOR}{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            name = inner.get("name", index) if isinstance(inner, dict) else index
            yield from _flat(f"{path}{SEPARATOR}[{name}]", inner)
    else:
        yield path, value


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
    found = [("the namespace", _annotations(state.namespace))]
    found += [
        (f"Deployment/{name}'s template", _annotations(item["spec"]["template"]))
        for name, item in state.deployments.items()
    ]
    return [f"{what} still says inject" for what, annotations in found if INJECT in annotations]


def _annotations(manifest: Mapping[str, Any]) -> dict[str, str]:
    return (manifest.get("metadata") or {}).get("annotations") or {}


def _by_name(items: Iterable[Object]) -> dict[str, Object]:
    return {
        item["metadata"]["name"]: {"kind": "Service" if "clusterIP" in item["spec"] else "Deployment", **item}
        for item in items
    }
