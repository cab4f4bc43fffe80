"""The local Helm repository: the stand-in charts, packaged in several releases, and served over HTTP."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from aiohttp import web

from meshroll_sandbox.errors import SandboxError
from meshroll_sandbox.paths import content_root
from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.edge import (
    GATEWAY_API_LEFT_OUT,
    INIT_IN_PROXY_IMAGE,
    KUBERNETES_1_31,
    NATIVE_STABLE,
    NFT_BY_DEFAULT,
    POLICY_IN_CONTROLLER_IMAGE,
    TRACING_OF_CONTROLLERS,
    Edge,
)

CONTROL_PLANE = "linkerd-control-plane"
CHARTS = ("linkerd-crds", CONTROL_PLANE)
PREFIX = "/charts"


@dataclass(frozen=True)
class ChartRelease:
    """One release of the charts. `broken`: the control plane's pods crash, so it never comes up."""

    version: str
    broken: bool = False

    @property
    def edge(self) -> Edge:
        """The release as Linkerd names it: chart 2026.6.3 is edge-26.6.3."""
        return Edge.parse(self.version)

    @property
    def kube_version(self) -> str:
        """What Helm demands of the cluster."""
        return ">=1.23.0-0" if self.edge < KUBERNETES_1_31 else ">=1.31.0-0"


RELEASES = (
    ChartRelease("2025.4.4"),
    ChartRelease("2025.10.7"),
    # Marked as not recommended 18 days after it came.
    ChartRelease("2025.11.2"),
    ChartRelease("2026.6.3"),
    ChartRelease("2026.6.98", broken=True),
    # Bad under traffic only: it behaves as 2026.6.3, and the traffic model makes its proxies fail requests.
    ChartRelease("2026.6.99"),
    ChartRelease("2026.8.3"),
)

OLDER_VALUES: tuple[tuple[Edge, str, str, str], ...] = (
    (GATEWAY_API_LEFT_OUT, "linkerd-crds", "\ninstallGatewayAPI: false\n", "\ninstallGatewayAPI: true\n"),
    (
        POLICY_IN_CONTROLLER_IMAGE,
        CONTROL_PLANE,
        "\npolicyController:\n",
        '\npolicyController:\n  image: {name: cr.l5d.io/linkerd/policy-controller, pullPolicy: "", version: ""}\n',
    ),
    (
        TRACING_OF_CONTROLLERS,
        CONTROL_PLANE,
        '\n  tracing:\n    enabled: false\n    collector:\n      endpoint: ""\ndeploymentStrategy:\n',
        "\ncontrolPlaneTracing: false\ncontrolPlaneTracingNamespace: linkerd-jaeger\ndeploymentStrategy:\n",
    ),
    (
        INIT_IN_PROXY_IMAGE,
        CONTROL_PLANE,
        "\nproxyInit:\n",
        '\nproxyInit:\n  image: {name: cr.l5d.io/linkerd/proxy-init, pullPolicy: "", version: v2.4.3}\n',
    ),
    (NFT_BY_DEFAULT, CONTROL_PLANE, "\n  iptablesMode: nft\n", "\n  iptablesMode: legacy\n"),
    (NATIVE_STABLE, CONTROL_PLANE, "\n  nativeSidecar: true\n", "\n  nativeSidecar: false\n"),
)
"""The first release with what stands in values.yaml here, the chart, that text, and the text of releases before."""


def package(helm: Path, out: Path) -> None:
    """Package every chart in every release into the folder `out`, with an index.yaml. Takes about a second.

    The stand-ins call it each time they start, with the Helm that state.json names; what `out` held before is
    replaced. Raises SandboxError with Helm's message.
    """
    with tempfile.TemporaryDirectory() as staging:
        packed = Path(staging, "packed")
        packed.mkdir()
        charts = [
            _stamped(Path(staging, release.version, name), release) for release in RELEASES for name in CHARTS
        ]
        _helm(helm, "package", *(str(chart) for chart in charts), "--destination", str(packed))
        # Without --url the index has relative addresses, so it does not depend on the port it is served on.
        _helm(helm, "repo", "index", str(packed))
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(packed, out)


def _stamped(chart: Path, release: ChartRelease) -> Path:
    """The chart that `chart` is named after, unpacked there, with what is different in this release."""
    shutil.copytree(content_root() / "charts" / chart.name, chart)
    head_file = chart / "Chart.yaml"
    head = yaml.safe_load(head_file.read_text())
    head |= {"version": release.version, "kubeVersion": release.kube_version}
    if "appVersion" in head:  # linkerd-crds has none, as the real one
        head["appVersion"] = str(release.edge)
    head_file.write_text(yaml.safe_dump(head, sort_keys=False))
    changes = [
        (old, new) for first, name, old, new in OLDER_VALUES if name == chart.name and release.edge < first
    ]
    if chart.name == CONTROL_PLANE:
        changes.append(("\nlinkerdVersion: edge-0.0.0\n", f"\nlinkerdVersion: {release.edge}\n"))
        if release.broken:
            changes.append(("\npodLabels: {}\n", "\npodLabels: {sandbox.meshroll.io/fault: crash-loop}\n"))
    values_file = chart / "values.yaml"
    text = values_file.read_text()
    # As text: the file's comments and anchors are part of what `helm show values` shows.
    for old, new in changes:
        if text.count(old) != 1:
            raise SandboxError(f"{values_file} should have {old.strip()!r} once")
        text = text.replace(old, new)
    values_file.write_text(text)
    return chart


def _helm(helm: Path, *arguments: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        # Its own home: no repository, plugin or credential of the user takes part.
        done = subprocess.run(
            [helm, *arguments], capture_output=True, text=True, env={"HOME": home, "PATH": ""}, check=False
        )
    if done.returncode != 0:
        raise SandboxError(f"helm {' '.join(arguments)} failed: {done.stderr.strip()}")


async def start(context: Context) -> None:
    """Serve the folder `charts` of the sandbox under /charts/."""
    folder = context.folder / "charts"

    async def serve(request: web.Request) -> web.StreamResponse:
        file = folder / request.match_info["name"]
        if file.name not in _names(folder):
            raise web.HTTPNotFound(text=f"the repository has no {file.name}\n")
        return web.FileResponse(file)

    context.app.router.add_get(PREFIX + "/{name}", serve)


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} if folder.is_dir() else set()
