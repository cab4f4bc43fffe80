"""Which programs the sandbox is made of, how each is built, and which ready ones will do.

The modules' versions stand in `tools/<tool>/go.mod`; here stands what go.mod cannot say.
"""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KUBERNETES_VERSION = "v1.35.4-eks-a1b2c3d"
"""What the built API server says it is: EKS puts its own suffix behind the upstream version."""

_COMPONENT_BASE = "k8s.io/component-base/version"

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Binary:
    """One executable: its name, the Go package it is built from, and how it tells its version."""

    name: str
    package: str
    version_arguments: tuple[str, ...] = ("--version",)


@dataclass(frozen=True)
class Tool:
    """Binaries that are built from one Go module and only ever used together, so that their versions agree.

    `fits` judges the version of a ready binary; `minutes` is about what the build takes on two cores.
    """

    name: str
    binaries: tuple[Binary, ...]
    fits: Callable[[Version], bool]
    wanted: str
    minutes: int
    tags: str = ""
    ldflags: str = "-s -w"

    def build_arguments(self, target: Path) -> list[str]:
        """The arguments of `go` that put the binaries, named after their packages, into `target`."""
        tags = ["-tags", self.tags] if self.tags else []
        # Without -buildvcs=false the commit of the surrounding checkout would be looked up.
        options = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", self.ldflags, *tags]
        return ["build", *options, "-o", f"{target}/", *(binary.package for binary in self.binaries)]


def _kubernetes_ldflags() -> str:
    major, minor = KUBERNETES_VERSION.lstrip("v").split(".")[:2]
    stamps = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {_COMPONENT_BASE}.{key}={value}" for key, value in stamps.items())])


TOOLS = (
    # First what takes longest: two builds run side by side.
    Tool(
        "kubernetes",
        tuple(
            Binary(name, f"k8s.io/kubernetes/cmd/{name}")
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        ),
        # Linkerd's charts ask for 1.31 since edge-26.5.1.
        fits=lambda version: version >= (1, 31, 0),
        wanted="1.31 or newer, all three of one version",
        minutes=8,
        ldflags=_kubernetes_ldflags(),
    ),
    Tool(
        "prometheus",
        tuple(
            Binary(name, f"github.com/prometheus/prometheus/cmd/{name}")
            for name in ("prometheus", "promtool")
        ),
        fits=lambda version: version[0] == 3,
        wanted="3.x",
        minutes=3,
        # Drops the service discoveries of every cloud; file and HTTP discovery stay (its plugins/minimum.go).
        tags="remove_all_sd",
    ),
    Tool(
        "helm",
        (Binary("helm", "helm.sh/helm/v3/cmd/helm", ("version", "--short")),),
        # kubernetes.core.helm fails with Helm 4 after having upgraded (it reads the status with --all).
        fits=lambda version: (3, 14, 0) <= version < (4, 0, 0),
        wanted="3.14 or newer, not 4",
        minutes=2,
    ),
    Tool(
        "kwok",
        (Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok"),),
        # The stages of kwok.yml were written against 0.8.
        fits=lambda version: version[:2] == (0, 8),
        wanted="0.8.x",
        minutes=2,
    ),
    Tool(
        "etcd",
        # The package is called `server`, and so is the binary until it is renamed.
        (Binary("etcd", "go.etcd.io/etcd/server/v3"),),
        fits=lambda version: version >= (3, 5, 0),
        wanted="3.5 or newer",
        minutes=1,
    ),
)


def built_name(package: str) -> str:
    """What `go build` calls the binary of `package`: the last element that is not a major version."""
    elements = [part for part in package.split("/") if not re.fullmatch(r"v\d+", part)]
    return elements[-1]


def parse_version(text: str) -> Version | None:
    """The first x.y.z in what a program says about its version, or None."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def version_of(binary: Binary, path: Path) -> Version | None:
    """Ask the executable at `path` for its version; None when it cannot say."""
    try:
        told = subprocess.run(
            [str(path), *binary.version_arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(told.stdout or told.stderr) if told.returncode == 0 else None
