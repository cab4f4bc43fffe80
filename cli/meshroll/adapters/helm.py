"""Helm: is it one that works, and what it has written down in the cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from meshroll.adapters.kube.client import Kube
from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART, CRDS_VALUES
from meshroll.core.errors import Problem, Refused, RollbackFailed
from meshroll.core.install import HelmRelease
from meshroll.core.settings import Cluster, Settings

_VERSION = re.compile(r"v(\d+)\.\S+")
# Nothing is waited for, and Linkerd's charts have no hooks: it is done in seconds.
HELM_SECONDS = 300.0
_HINT = "Install Helm 3 (helm.sh), or name it in meshroll_control_plane.helm_binary."


def environment(folder: Path) -> dict[str, str]:
    """Variables with which Helm leaves nothing outside ``folder`` and finds no plugins or repositories."""
    homes = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
    return {home: str(folder / home.lower()) for home in homes}


def usable(binary: str, variables: Mapping[str, str]) -> str:
    """The path of Helm 3. Raises Refused helm-missing, helm-broken or helm-version."""
    path = shutil.which(str(Path(binary).expanduser()))
    if path is None:
        raise Refused(Problem("helm-missing", f"There is no program {binary}.", _HINT))
    try:
        ran = subprocess.run(
            [path, "version", "--template", "{{.Version}}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={**os.environ, **variables},
        )
        version = _VERSION.match(ran.stdout)
    except (OSError, subprocess.SubprocessError):
        version = None
    if version is None:
        raise Refused(Problem("helm-broken", f"{path} does not say which version of Helm it is.", _HINT))
    if version.group(1) != "3":
        raise Refused(
            Problem(
                "helm-version",
                f"{path} is Helm {version.group(0)}, and the collection kubernetes.core drives Helm 3 only: "
                "with Helm 4 it fails after it has changed the cluster.",
                _HINT,
            )
        )
    return path


def for_tasks(
    binary: str, folder: Path, settings: Settings, charts: Mapping[str, Path], values: Mapping[str, Any]
) -> dict[str, Any]:
    """What the tasks of kubernetes.core.helm are given; ``charts`` are archives, ``values`` the control plane's."""
    return {
        "namespace": settings.control_plane.namespace,
        "charts": {"crds": str(charts[CRDS_CHART]), "control_plane": str(charts[CONTROL_PLANE_CHART])},
        "crds_values": CRDS_VALUES,
        "control_plane_values": dict(values),
        "helm": {
            "binary": binary,
            "environment": environment(folder),
            "kubeconfig": settings.cluster.kubeconfig,
            "context": settings.cluster.context,
        },
    }


def releases(kube: Kube, namespace: str) -> dict[str, HelmRelease]:
    """Helm's newest record of each release in the namespace; from labels, so no payload is decoded."""
    secrets, _ = kube.list_all(f"/api/v1/namespaces/{namespace}/secrets", labelSelector="owner=helm")
    newest: dict[str, HelmRelease] = {}
    for secret in secrets:
        labels = secret["metadata"]["labels"]
        release = HelmRelease(
            name=labels["name"],
            namespace=namespace,
            revision=int(labels["version"]),
            status=labels["status"],
            changed_at=datetime.fromtimestamp(int(labels["modifiedAt"])).astimezone()
            if "modifiedAt" in labels
            else datetime.fromisoformat(secret["metadata"]["creationTimestamp"]),
            record=secret["metadata"]["name"],
        )
        if release.name not in newest or release.revision > newest[release.name].revision:
            newest[release.name] = release
    return newest


def rollback(
    binary: str, variables: Mapping[str, str], cluster: Cluster, namespace: str, name: str, revision: int
) -> None:
    """The release as it was at ``revision``, as a new one. Nothing is waited for. Raises RollbackFailed helm-failed."""
    said = _run(binary, variables, cluster, namespace, "rollback", name, str(revision))
    if said:
        raise RollbackFailed(
            Problem(
                "helm-failed",
                f"Helm did not roll {name} back to revision {revision}: {said}",
                f"`helm -n {namespace} rollback {name} {revision}` does it by hand.",
            )
        )


def uninstall(binary: str, variables: Mapping[str, str], cluster: Cluster, namespace: str, name: str) -> None:
    """Removes a release and its record; one that is gone is fine. Raises RollbackFailed helm-failed.

    Not by kubernetes.core.helm, which takes a release that a killed Helm was removing for removed, whatever is left.
    """
    said = _run(binary, variables, cluster, namespace, "uninstall", name)
    if said and "release: not found" not in said:
        raise RollbackFailed(Problem("helm-failed", f"Helm did not remove {name}: {said}"))


def _run(binary: str, variables: Mapping[str, str], cluster: Cluster, namespace: str, *words: str) -> str:
    """What Helm says that went wrong, in one line; empty where nothing did."""
    kubeconfig = str(Path(cluster.kubeconfig).expanduser()) if cluster.kubeconfig else None
    options = {"--namespace": namespace, "--kubeconfig": kubeconfig, "--kube-context": cluster.context}
    given = [word for option, value in options.items() if value for word in (option, value)]
    try:
        ran = subprocess.run(
            [binary, *words, *given],
            capture_output=True,
            text=True,
            timeout=HELM_SECONDS,
            check=False,
            env={**os.environ, **variables},
        )
        said = "" if ran.returncode == 0 else ran.stderr.strip() or f"it ended with {ran.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    return " ".join(said.rpartition("Error: ")[2].split())
