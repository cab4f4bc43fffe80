"""Does a pod end in the right order: calls drained, the application down, and the proxy last?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from meshroll.core.checks.row import Case, Check
from meshroll.core.errors import Problem
from meshroll.core.go_values import duration_seconds
from meshroll.core.injection import GA_SINCE, WAIT, sidecar_problems
from meshroll.core.model import NamespaceView, Workload
from meshroll.core.scan.row import Hit
from meshroll.core.settings import Namespace
from meshroll.core.strategy import command_of, hooks, pre_stop_seconds

DRAIN = "config.linkerd.io/shutdown-grace-period"
NETWORK_TOOL = re.compile(r"(?:^|[\s/;&|('\"])(curl|wget|grpcurl|ncat|netcat|nc)(?=\s|$)")
# Calls on the loopback interface do not go through the proxy (linkerd2-proxy-init, iptables: -o lo -j RETURN).
LOCAL = re.compile(r"\blocalhost\b|\b127\.0\.0\.1\b|\[::1\]")


def _sidecar(case: Case) -> Iterator[Problem]:
    for namespace, _, workload in _lasting(case):
        yield from sidecar_problems(workload, case.mode(namespace), namespace)


def _lasting(case: Case) -> Iterator[tuple[Namespace, NamespaceView, Workload]]:
    """Without CronJobs, whose pods end by themselves."""
    for namespace, space, workload in case.taken():
        if workload.kind != "CronJob":
            yield namespace, space, workload


def _in_wait_mode(case: Case) -> Iterator[tuple[Namespace, Workload]]:
    """Those whose proxy does not outlive the application by itself."""
    for namespace, _, workload in _lasting(case):
        if case.mode(namespace) == "wait":
            yield namespace, workload


def _wait_beside_native(case: Case) -> Iterator[Hit]:
    """A rollout takes them off what it meshes; who counts on the wait has to know all the same."""
    assert case.edge is not None
    told = "which native sidecars pass over"
    if case.edge < GA_SINCE:
        told = f"beside which the injector of {case.edge} fails for native sidecars"
    elif wait_seconds := waited(case.values):
        for namespace, space in case.spaces():
            if case.mode(namespace) == "native":
                yield Hit(
                    f"The control plane's values set proxy.waitBeforeExitSeconds={wait_seconds}, {told}.",
                    space.name,
                )
    for namespace, space in case.spaces():
        if case.mode(namespace) == "native" and _waits(space.annotations.get(WAIT)):
            yield Hit(f"{space.name} has {WAIT}, {told}.", space.name, f"Namespace/{space.name}")
    for namespace, _, workload in case.taken():
        if case.mode(namespace) == "native" and _waits(workload.template_annotations.get(WAIT)):
            yield Hit(f"{workload.id} has {WAIT}, {told}.", namespace.name, workload.id)


def waited(values: Mapping[str, Any]) -> int:
    """What the control plane's values set, in seconds; 0 where they set none."""
    return int((values.get("proxy") or {}).get("waitBeforeExitSeconds") or 0)


def _waits(seconds: str | None) -> bool:
    return seconds is not None and seconds.isdecimal() and int(seconds) > 0


def _drain(case: Case) -> Iterator[Hit]:
    """The proxy's default of 120 s is above any pod's grace period, and nobody's decision: nothing is said of it."""
    default = (case.values.get("proxy") or {}).get("shutdownGracePeriod")
    for namespace, space, workload in _lasting(case):
        said = {**space.annotations, **workload.template_annotations}.get(DRAIN, default)
        seconds = duration_seconds(str(said or ""))
        waited = namespace.wait_before_exit_seconds if case.mode(namespace) == "wait" else 0
        left = workload.grace_period_seconds - waited
        if seconds is not None and seconds > left:
            yield Hit(
                f"The proxy of {workload.id} may drain for {said}, but its pods are killed after "
                f"{workload.grace_period_seconds} s{f', {waited} s of which it waits' if waited else ''}.",
                namespace.name,
                workload.id,
            )


def _needs_network(case: Case) -> Iterator[Hit]:
    for namespace, workload in _in_wait_mode(case):
        for container, hook in hooks(workload):
            tool = NETWORK_TOOL.search(command_of(hook))
            if "httpGet" in hook or (tool and not LOCAL.search(command_of(hook))):
                yield Hit(
                    f"The preStop hook of {workload.id} ({container}) "
                    f"{'is an HTTP request' if 'httpGet' in hook else f'calls {tool and tool.group(1)}'}; the proxy "
                    f"that carries it ends {namespace.wait_before_exit_seconds} s after the pod is told to.",
                    namespace.name,
                    workload.id,
                )


def _outlives(case: Case) -> Iterator[Hit]:
    for namespace, workload in _in_wait_mode(case):
        sleep_seconds = pre_stop_seconds(workload)
        if sleep_seconds > namespace.wait_before_exit_seconds:
            yield Hit(
                f"{workload.id} goes on for {sleep_seconds:g} s (preStop), its proxy for "
                f"{namespace.wait_before_exit_seconds} s: its last calls find no proxy.",
                namespace.name,
                workload.id,
            )


def _nothing_drains(case: Case) -> Iterator[Hit]:
    for namespace, space, workload in _lasting(case):
        if workload.id in space.served and not list(hooks(workload)):
            yield Hit(
                f"{workload.id} has no preStop hook: unless it serves on for some seconds after SIGTERM, it loses "
                "calls at every restart, with or without the mesh.",
                namespace.name,
                workload.id,
            )


CHECKS = (
    Check(
        "wait-exceeds-grace-period",
        "the proxy's wait ends before the pod is killed",
        _sidecar,
        ("in", "upgrade"),
        acceptable=True,
        why="The proxy's wait counts within the pod's terminationGracePeriodSeconds. One that is not over by then ends "
        "with SIGKILL (exit 137) at every restart, and calls under way with it (linkerd2 #10058).",
        fix="Lower wait_before_exit_seconds, or raise terminationGracePeriodSeconds.",
    ),
    Check(
        "wait-beside-native",
        "nobody counts on a wait that native sidecars do not have",
        _wait_beside_native,
        severity="warn",
        acceptable=True,
        why="Native sidecars end after the application by themselves, so a wait before exit is passed over from "
        "edge-26.5.2 on, and makes older injectors fail (linkerd2 #12164). A rollout takes it off what it meshes.",
        fix=f"Take {WAIT} out where the manifest comes from, or set `sidecar: wait`.",
    ),
    Check(
        "drain-exceeds-grace-period",
        "the proxy has the time to drain that it was given",
        _drain,
        ("in", "upgrade"),
        severity="warn",
        acceptable=True,
        why="The kubelet kills a pod after its terminationGracePeriodSeconds, so a proxy that was told to drain for "
        "longer drops what is under way by then (linkerd.io/2-edge/tasks/graceful-shutdown).",
        fix=f"Raise terminationGracePeriodSeconds, or shorten {DRAIN} (proxy.shutdownGracePeriod in values).",
    ),
    Check(
        "pre-stop-needs-network",
        "preStop hooks do not need a proxy that may be gone",
        _needs_network,
        severity="warn",
        acceptable=True,
        why="Hooks of all containers start at once, and a proxy that is no native sidecar ends after its own wait, "
        "whatever the application is at. From then on a hook reaches nobody and nobody reaches it.",
        fix="Use native sidecars, or let wait_before_exit_seconds outlast the hook.",
    ),
    Check(
        "application-outlives-proxy",
        "the proxy outlives the application",
        _outlives,
        severity="warn",
        acceptable=True,
        why="A proxy that is no native sidecar ends after its own wait. An application that goes on for longer can "
        "neither end its calls nor make others (linkerd2 #11084).",
        fix="Use native sidecars, or raise wait_before_exit_seconds above the sleep.",
    ),
    Check(
        "nothing-drains",
        "servers drain before they end",
        _nothing_drains,
        severity="note",
        acceptable=True,
        why="A pod is told to end while callers still know its address. One that stops at once loses the calls on the "
        "way to it. That is not the mesh's doing, but a gate sees it in every wave.",
        fix="Give a container a preStop hook that sleeps for some seconds (sleep: {seconds: 5}), if the application "
        "does not drain by itself.",
    ),
)
