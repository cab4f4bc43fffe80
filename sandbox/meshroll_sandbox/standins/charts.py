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

CHARTS = ("linkerd-crds", "linkerd-control-plane")
PREFIX = "/charts"


@dataclass(frozen=True)
class ChartRelease:
    """What sets one release of the charts apart, besides what their templates find by version.

    `version` is the chart's; `kube_version` the constraint that Helm checks; `native_sidecar` the default of
    `proxy.nativeSidecar`.
    """

    version: str
    kube_version: str
    native_sidecar: bool

    @property
    def edge(self) -> str:
        """The release as Linkerd names it: chart 2026.6.3 is edge-26.6.3."""
        return f"edge-{self.version.removeprefix('20')}"


RELEASES = (
    ChartRelease("2025.10.7", ">=1.23.0-0", native_sidecar=False),
    ChartRelease("2026.6.3", ">=1.31.0-0", native_sidecar=True),
    # Bad on purpose: it behaves as the one before, and the traffic model makes its proxies fail requests.
    ChartRelease("2026.6.99", ">=1.31.0-0", native_sidecar=True),
)


def package(helm: Path, out: Path) -> None:
    """Package every chart in every release into the folder `out`, with an index.yaml. Takes about a second.

    The stand-ins call it each time they start, with the Helm that state.json names; what `out` held before is
    replaced. Raises SandboxError with Helm's message.
    """
    with tempfile.TemporaryDirectory() as staging:
        packed = Path(staging, "packed")
        packed.mkdir()
        for release in RELEASES:
            for name in CHARTS:
                chart = Path(staging, release.version, name)
                shutil.copytree(content_root() / "charts" / name, chart)
                _stamp(chart, release)
                _helm(helm, "package", str(chart), "--destination", str(packed))
        # Without --url the index has relative addresses, so it does not depend on the port it is served on.
        _helm(helm, "repo", "index", str(packed))
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(packed, out)


def _stamp(chart: Path, release: ChartRelease) -> None:
    """Write into an unpacked chart what is different in this release."""
    head_file = chart / "Chart.yaml"
    head = yaml.safe_load(head_file.read_text())
    head |= {"version": release.version, "kubeVersion": release.kube_version}
    if "appVersion" in head:  # linkerd-crds has none, as the real one
        head["appVersion"] = release.edge
    head_file.write_text(yaml.safe_dump(head, sort_keys=False))
    if chart.name == "linkerd-control-plane":
        values_file = chart / "values.yaml"
        text = values_file.read_text()
        native = "true" if release.native_sidecar else "false"
        # As text: the file's comments and anchors are part of what `helm show values` shows.
        for old, new in (
            ("\nlinkerdVersion: edge-0.0.0\n", f"\nlinkerdVersion: {release.edge}\n"),
            ("\n  nativeSidecar: true\n", f"\n  nativeSidecar: {native}\n"),
        ):
            if text.count(old) != 1:
                raise SandboxError(f"{values_file} should have one line {old.strip()!r}")
            text = text.replace(old, new)
        values_file.write_text(text)


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
