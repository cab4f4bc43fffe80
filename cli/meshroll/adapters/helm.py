"""Helm: is it one that works, and what it has written down in the cluster."""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from meshroll.adapters.charts import HA_VALUES
from meshroll.adapters.kube.client import Kube
from meshroll.adapters.safe_yaml import parsed
from meshroll.core.carried_values import StoredRelease
from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART, CRDS_VALUES
from meshroll.core.errors import Problem, Refused, RollbackFailed
from meshroll.core.helm_records import HELM_AT_WORK_SECONDS, HelmRelease, at_work_seconds, newest_of
from meshroll.core.known_values import ChartValues
from meshroll.core.settings import Api, Cluster

_VERSION = re.compile(r"v(\d+)\.\S+")
# Nothing is waited for, and Linkerd's charts have no hooks: it is done in seconds.
HELM_SECONDS = 300.0
# A Secret holds 1 MiB at most, and a chart is mostly text; more than this is no record of Helm's.
RECORD_BYTES_MAX = 64 * 1024 * 1024
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OSError, EOFError, zlib.error, yaml.YAMLError)
_HINT = "Install Helm 3 (helm.sh), or name it in meshroll_control_plane.helm_binary."


def environment(folder: Path, api: Api) -> dict[str, str]:
    """Variables with which Helm leaves nothing outside ``folder``, finds no plugins or repositories, and asks no more
    of the API server than ``api`` allows.
    """
    homes = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
    rate = str(api.requests_per_second)
    return {
        **{home: str(folder / home.lower()) for home in homes},
        "HELM_QPS": rate,
        "HELM_BURST_LIMIT": rate,
    }


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
    binary: str,
    folder: Path,
    cluster: Cluster,
    api: Api,
    namespace: str,
    charts: Mapping[str, Path],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """What the tasks of kubernetes.core.helm are given; ``charts`` are archives, ``values`` the control plane's.

    ``cluster``, here as below, is that of cluster_access.for_child.
    """
    return {
        "namespace": namespace,
        "charts": {"crds": str(charts[CRDS_CHART]), "control_plane": str(charts[CONTROL_PLANE_CHART])},
        "crds_values": CRDS_VALUES,
        "control_plane_values": dict(values),
        "helm": {
            "binary": binary,
            "environment": environment(folder, api),
            "kubeconfig": cluster.kubeconfig,
            "context": cluster.context,
        },
    }


def records(kube: Kube, namespace: str) -> list[HelmRelease]:
    """Every record that Helm has in the namespace; from labels, so no payload is asked for. None tells of others."""
    secrets, _ = kube.list_metadata(f"/api/v1/namespaces/{namespace}/secrets", labelSelector="owner=helm")
    found = []
    for secret in secrets:
        labels = secret["metadata"]["labels"]
        found.append(
            HelmRelease(
                name=labels["name"],
                namespace=namespace,
                revision=int(labels["version"]),
                status=labels["status"],
                changed_at=datetime.fromtimestamp(int(labels["modifiedAt"])).astimezone()
                if "modifiedAt" in labels
                else datetime.fromisoformat(secret["metadata"]["creationTimestamp"]),
                record=secret["metadata"]["name"],
            )
        )
    return found


def releases(kube: Kube, namespace: str) -> dict[str, HelmRelease]:
    """Helm's newest record of each release in the namespace."""
    return newest_of(records(kube, namespace))


def ended(
    kube: Kube, namespace: str, names: Iterable[str], between: Callable[[], None]
) -> dict[str, HelmRelease]:
    """As releases(), once no Helm can be at work on ``names``: each has ended, or was killed a minute ago.

    For what meshroll itself began, on this machine: a Helm may outlive the run that started it.
    """
    until = time.monotonic() + HELM_AT_WORK_SECONDS
    wanted = set(names)
    while True:
        found = releases(kube, namespace)
        now = datetime.now(UTC)
        left_seconds = max((at_work_seconds(found[name], now) for name in wanted & found.keys()), default=0.0)
        if not left_seconds or time.monotonic() > until:
            return found
        between()
        time.sleep(min(left_seconds, 1.0))


def drop(kube: Kube, records: Iterable[HelmRelease]) -> None:
    """Takes records away, so that Helm goes on from the revision before."""
    for release in records:
        kube.delete(f"/api/v1/namespaces/{release.namespace}/secrets/{release.record}")


def stored(kube: Kube, release: HelmRelease) -> StoredRelease:
    """The revision of a release that is deployed, with its chart and the values that were given to it.

    Helm keeps it as base64 of gzipped JSON; the charts inside a chart are not kept. Raises ApiError, and Refused
    helm-record-unreadable where there is no such revision, or it is not what Helm writes.
    """
    name = f"sh.helm.release.v1.{release.name}.v{release.deployed}"
    secret = kube.get(f"/api/v1/namespaces/{release.namespace}/secrets/{name}")
    try:
        packed = base64.b64decode(base64.b64decode((secret or {})["data"]["release"]))
        with gzip.open(io.BytesIO(packed)) as unpacked:
            data = msgspec.json.decode(unpacked.read(RECORD_BYTES_MAX))
        chart = data["chart"]
        files, templates = (_texts(chart.get(kind)) for kind in ("files", "templates"))
        return StoredRelease(
            revision=int(data["version"]),
            chart=ChartValues.of(
                str(chart["metadata"]["version"]),
                dict(chart.get("values") or {}),
                dict(parsed(files.get(HA_VALUES, "")) or {}),
                "\n".join(templates.values()),
            ),
            values=dict(data.get("config") or {}),
        )
    except UNREADABLE as error:
        # Not what it says: a part of the record may be in it, and keys may be in the record.
        raise Refused(
            Problem(
                "helm-record-unreadable",
                f"Helm's record of {release.name} in namespace {release.namespace} cannot be read "
                f"({type(error).__name__}), so its values cannot be carried over.",
                f"See what `helm -n {release.namespace} get all {release.name}` says of it.",
                object=f"Secret/{name}",
            )
        ) from None


def _texts(files: list[dict[str, str]] | None) -> dict[str, str]:
    return {file["name"]: base64.b64decode(file["data"]).decode() for file in files or []}


def rollback(
    binary: str,
    variables: Mapping[str, str],
    cluster: Cluster,
    namespace: str,
    name: str,
    revision: int,
    *,
    replace: bool = False,
) -> None:
    """The release as it was at ``revision``, as a new one. Nothing is waited for. Raises RollbackFailed helm-failed.

    Helm takes away what its newest record has and ``revision`` has not. ``replace``: also what no record tells of,
    because each object is put there whole.
    """
    how = ["--force"] if replace else []
    said = _run(binary, variables, cluster, namespace, "rollback", name, str(revision), *how)
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
    options = {
        "--namespace": namespace,
        "--kubeconfig": cluster.kubeconfig,
        "--kube-context": cluster.context,
    }
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
