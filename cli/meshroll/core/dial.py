"""A client's dial mode and target: read from its template and ConfigMaps, and changed in one go."""

from __future__ import annotations

from typing import Literal

from meshroll.core.callers import config_maps_used
from meshroll.core.changes import Change, Field, fields_between, pointer
from meshroll.core.errors import Problem
from meshroll.core.injection import RESTARTED_BY
from meshroll.core.model import NamespaceView, Workload, containers_of
from meshroll.core.settings import Client, Switch

Mode = Literal["pooled", "per_request"]


def current_mode(client: Client, workload: Workload, view: NamespaceView) -> Mode | None:
    """The mode that every switch of the client agrees on, or None where they do not or say something else."""
    for mode in ("pooled", "per_request"):
        if client.dial and all(
            _value(switch, workload, view) == getattr(switch, mode) for switch in client.dial
        ):
            return mode
    return None


def says_pooled(client: Client, workload: Workload, view: NamespaceView) -> bool:
    """Whether a switch of its dial mode, and not only of its target, says that it pools connections now."""
    return any(
        switch.pooled != switch.per_request and _value(switch, workload, view) == switch.pooled
        for switch in client.dial
    )


def template_fields(client: Client, workload: Workload, mode: Mode) -> list[tuple[str, str]]:
    """(JSON pointer, value) of each variable in the template that ``mode`` sets."""
    wanted = []
    for switch in client.dial:
        if switch.env is not None:
            place = _variable(switch, workload)
            if place is not None:
                container, index = place
                wanted.append(
                    (
                        workload.template_path
                        + pointer("spec", "containers", container, "env", index, "value"),
                        getattr(switch, mode),
                    )
                )
    return wanted


def config_map_changes(client: Client, workload: Workload, view: NamespaceView, mode: Mode) -> list[Change]:
    """The ConfigMap keys that ``mode`` sets; the pods see them only after a restart."""
    changes = []
    for switch in client.dial:
        config_map = view.config_map(switch.config_map)
        if config_map is not None and switch.key is not None:
            fields = fields_between(config_map, [(pointer("data", switch.key), getattr(switch, mode))])
            if fields:
                changes.append(
                    Change(
                        "ConfigMap",
                        workload.namespace,
                        str(switch.config_map),
                        "patch",
                        f"{workload.id} dials {_words(mode)}",
                        fields,
                    )
                )
    return changes


def dial_changes(
    client: Client, workload: Workload, view: NamespaceView, mode: Mode, run_id: str
) -> list[Change]:
    """All that brings the client to ``mode``: ConfigMaps first, then its template, which restarts its pods once."""
    config_maps = config_map_changes(client, workload, view, mode)
    fields = fields_between(workload.manifest, template_fields(client, workload, mode))
    if config_maps:
        fields += restart_field(workload, run_id)
    if not fields:
        return config_maps
    return [
        *config_maps,
        Change(
            workload.kind,
            workload.namespace,
            workload.name,
            "patch",
            f"dial {_words(mode)}",
            fields,
            pods=workload.replicas,
        ),
    ]


def restart_field(workload: Workload, run_id: str) -> list[Field]:
    path = workload.template_path + pointer("metadata", "annotations", RESTARTED_BY)
    return fields_between(workload.manifest, [(path, run_id)])


def dial_problems(client: Client, view: NamespaceView) -> list[Problem]:
    """Why this client's switches cannot be thrown safely."""
    workload = view.workload(client.workload)
    if workload is None:
        return [
            _problem(
                "client-unknown",
                view,
                client,
                f"{view.name} has no {client.workload}.",
                "Correct the client's `workload` in the inventory.",
            )
        ]
    problems = []
    for switch in client.dial:
        if switch.env is not None:
            if len(_places(switch, workload)) > 1:
                problems.append(
                    _problem(
                        "dial-variable-ambiguous",
                        view,
                        client,
                        f"Several containers of {client.workload} have a variable {switch.env}.",
                        "Name the one that dials with `container`.",
                    )
                )
            if _variable(switch, workload) is None:
                problems.append(
                    _problem(
                        "dial-variable-missing",
                        view,
                        client,
                        f"{client.workload} has no plain variable {switch.env} in its template.",
                        "Set it with a value in the manifest (not valueFrom), or name its ConfigMap key.",
                    )
                )
            continue
        config_map = view.config_map(switch.config_map)
        if config_map is None:
            problems.append(
                _problem(
                    "dial-config-map-missing",
                    view,
                    client,
                    f"{view.name} has no ConfigMap {switch.config_map}.",
                    "Correct the client's `config_map` in the inventory.",
                )
            )
            continue
        if config_map.get("immutable"):
            problems.append(
                _problem(
                    "dial-config-map-immutable",
                    view,
                    client,
                    f"ConfigMap {switch.config_map} is immutable.",
                    "Use an environment variable, or `manual`.",
                )
            )
        sharers = sorted(
            other.id
            for other in view.workloads
            if other.id != workload.id and str(switch.config_map) in config_maps_used(other)
        )
        if sharers:
            problems.append(
                _problem(
                    "dial-config-map-shared",
                    view,
                    client,
                    f"ConfigMap {switch.config_map} is also read by {', '.join(sharers)}.",
                    "Give each client a ConfigMap of its own.",
                )
            )
    return problems


def _value(switch: Switch, workload: Workload, view: NamespaceView) -> str | None:
    if switch.env is None:
        return ((view.config_map(switch.config_map) or {}).get("data") or {}).get(switch.key)
    place = _variable(switch, workload)
    if place is None:
        return None
    value: str = containers_of(workload.template)[place[0]]["env"][place[1]]["value"]
    return value


def _variable(switch: Switch, workload: Workload) -> tuple[int, int] | None:
    """(container, variable) indices of the switch's variable, None where it is absent or not a plain value."""
    return next(iter(_places(switch, workload)), None)


def _places(switch: Switch, workload: Workload) -> list[tuple[int, int]]:
    return [
        (container_index, index)
        for container_index, container in enumerate(containers_of(workload.template))
        if switch.container in (None, container["name"])
        for index, variable in enumerate(container.get("env") or [])
        if variable["name"] == switch.env and "value" in variable
    ]


def _problem(code: str, view: NamespaceView, client: Client, message: str, hint: str) -> Problem:
    return Problem(code, message, hint, namespace=view.name, object=client.workload)


def _words(mode: Mode) -> str:
    return "over a held connection" if mode == "pooled" else "once per request"
