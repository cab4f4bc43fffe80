"""Does Linkerd read the annotations that are there? What it does not know it passes over without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshroll.core.checks.row import Case, Check
from meshroll.core.injection import GA_SINCE, NATIVE_ALPHA, NATIVE_BETA, NATIVE_GA
from meshroll.core.known_annotations import CONFIGURES, GONE, INJECT_VALUES, PREFIXES, is_known, meant
from meshroll.core.model import INJECT, Workload, annotations_of
from meshroll.core.releases import Edge
from meshroll.core.scan.row import Hit

OPTS_OUT = (INJECT, "disabled")
# (namespace, object, its annotations).
Annotated = tuple[str, str, Mapping[str, str]]


def _read(case: Case) -> Iterator[Annotated]:
    """Where the injector looks: at namespaces and pod templates."""
    for _, space in case.spaces():
        yield space.name, f"Namespace/{space.name}", space.annotations
    for namespace, _, workload in case.taken():
        yield namespace.name, workload.id, workload.template_annotations


def _services(case: Case) -> Iterator[Annotated]:
    for _, space in case.spaces():
        for service in space.services:
            yield space.name, f"Service/{service['metadata']['name']}", annotations_of(service)


def _unknown(case: Case) -> Iterator[Hit]:
    assert case.edge is not None
    for namespace, name, written in (*_read(case), *_services(case)):
        for key in sorted(written):
            if not is_known(key):
                near = meant(key, case.edge)
                fix = f"Did you mean {near}?" if near else ""
                yield Hit(f"{name} has {key}, which Linkerd does not know.", namespace, name, fix)


def _misplaced(case: Case) -> Iterator[Hit]:
    for namespace, _, workload in case.taken():
        own = workload.template_annotations
        for key, value in sorted(_outer(workload).items()):
            if (key == INJECT or key in CONFIGURES) and key not in own and (key, value) != OPTS_OUT:
                yield Hit(
                    f"{workload.id} has {key} on itself and not on its pod template, where it would count.",
                    namespace.name,
                    workload.id,
                )


def _opted_out_beside(case: Case) -> Iterator[Hit]:
    for namespace, _, workload in case.taken():
        if OPTS_OUT in _outer(workload).items() and INJECT not in workload.template_annotations:
            yield Hit(
                f"{workload.id} says {INJECT}: disabled on itself and not on its pod template, so it would be meshed.",
                namespace.name,
                workload.id,
            )


def _outer(workload: Workload) -> dict[str, str]:
    """Annotations of the object, and of a CronJob's Jobs."""
    job = workload.manifest["spec"].get("jobTemplate") or {}
    return {**annotations_of(workload.manifest), **annotations_of(job)}


def _inject_values(case: Case) -> Iterator[Hit]:
    for namespace, name, written in _read(case):
        value = written.get(INJECT)
        if value and value not in INJECT_VALUES:
            yield Hit(f"{name} says {INJECT}: {value}.", namespace, name)


def _outdated(case: Case) -> Iterator[Hit]:
    assert case.edge is not None
    for namespace, name, written in _read(case):
        for key in sorted(written.keys() & GONE.keys()):
            if case.edge >= GONE[key].since:
                yield Hit(
                    f"{name} has {key}, which Linkerd no longer reads since {GONE[key].since}.",
                    namespace,
                    name,
                    GONE[key].instead,
                )
        if key_told := _old_native(name, written, case.edge):
            key, told = key_told
            yield Hit(f"{name} has {key}, {told}.", namespace, name, f"Write {NATIVE_GA} in its place.")


def _old_native(name: str, written: Mapping[str, str], edge: Edge) -> tuple[str, str] | None:
    """Beside the GA key, which beats both, an older one is there for older releases: meshroll writes it itself."""
    if edge < GA_SINCE or NATIVE_GA in written:
        return None
    if NATIVE_BETA in written and name.startswith("Namespace/"):
        return NATIVE_BETA, f"which namespaces do not hand down since {GA_SINCE}"
    for key in (NATIVE_BETA, NATIVE_ALPHA):
        if key in written:
            return key, f"which {NATIVE_GA} stands for since {GA_SINCE}"
    return None


def _values(case: Case) -> Iterator[Hit]:
    for namespace, name, written in _read(case):
        for key in sorted(written.keys() & CONFIGURES.keys()):
            if not CONFIGURES[key].takes(written[key]):
                yield Hit(
                    f'{name} has {key}: "{written[key]}", which is not {CONFIGURES[key].told}.',
                    namespace,
                    name,
                    f"Write {CONFIGURES[key].told}.",
                )


CHECKS = (
    Check(
        "annotation-unknown",
        "Linkerd knows every annotation that is meant for it",
        _unknown,
        severity="warn",
        acceptable=True,
        why="Linkerd passes over an annotation that it does not know, without an event or a log line, so what it was "
        f"to change stays as it is (linkerd2 #13205). Asked about are keys under {', '.join(PREFIXES)}.",
        fix="Correct the key, or take it away; linkerd.io/2-edge/reference/proxy-configuration has them.",
    ),
    Check(
        "annotation-misplaced",
        "annotations for the injector are on pod templates",
        _misplaced,
        severity="warn",
        acceptable=True,
        why="The injector sees pods and their namespace, and never the Deployment: an annotation there does nothing, "
        "and a proxy that is configured there gets the defaults.",
        fix="Move it to spec.template.metadata.annotations.",
    ),
    Check(
        "opt-out-misplaced",
        "whoever opts out of the mesh does it where it counts",
        _opted_out_beside,
        acceptable=True,
        why="The injector sees pods and their namespace, and never the Deployment: linkerd.io/inject: disabled there "
        "does nothing, and the workload would be meshed against what its owner wrote.",
        fix="Move it to spec.template.metadata.annotations, or take it away.",
    ),
    Check(
        "inject-value-invalid",
        "linkerd.io/inject says what the injector understands",
        _inject_values,
        acceptable=True,
        why="The injector leaves a pod out whose own or whose namespace's value is another than enabled, disabled or "
        "ingress (linkerd2 pkg/inject/report.go). A rollout writes `enabled` over it, and cannot know whether it was "
        "meant to opt out.",
        fix="Write enabled, disabled or ingress.",
    ),
    Check(
        "annotation-outdated",
        "the release still reads every annotation",
        _outdated,
        severity="warn",
        acceptable=True,
        why="Annotations are renamed and dropped between releases. One that is no longer read does nothing, without a "
        "word; one that another stands for is the next to go.",
        fix="Write what stands for it, where the manifest comes from.",
    ),
    Check(
        "annotation-value-invalid",
        "the injector can read every value",
        _values,
        severity="warn",
        acceptable=True,
        why="A value that the injector cannot read it passes over, with a line in its own log alone: the pod gets the "
        "default (linkerd2 pkg/inject/inject.go). Some keys take true and false, others enabled and disabled.",
        fix="Write a value of the kind that the key takes.",
    ),
)
