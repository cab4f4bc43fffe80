"""The chart source: which versions of Linkerd's charts it has, and their archives.

A chart source is what ``helm repo index`` writes: an ``index.yaml`` beside archives, at an http(s) address or
in a folder. Archives are fetched here and not by Helm, so that each is held against the index's digest, and
repository, mirror and folder are read in one way.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import yaml

from meshroll.adapters import places
from meshroll.adapters.safe_yaml import parsed
from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.errors import Problem, Refused
from meshroll.core.known_values import ChartValues
from meshroll.core.places import is_address, shown
from meshroll.core.releases import Catalogue, ChartName, Edge, edges_of

CHARTS: tuple[ChartName, ...] = (CRDS_CHART, CONTROL_PLANE_CHART)
VALUES, HA_VALUES = "values.yaml", "values-ha.yaml"
_READ = ("Chart.yaml", VALUES, HA_VALUES, "templates/", "charts/")
# Linkerd's own index is a few MiB and a chart some 50 KiB; more than this is not what it says it is.
BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True)
class Archive:
    """One version of one chart: where its archive is, and the sha256 that the index gives, if any."""

    chart: str
    version: str
    url: str
    digest: str | None


class ChartSource:
    """A chart source whose index was read."""

    def __init__(
        self, source: str, archives: dict[tuple[ChartName, str], Archive], catalogue: Catalogue
    ) -> None:
        self.source = source
        self._archives, self._catalogue = archives, catalogue

    @classmethod
    def read(cls, source: str, catalogue: Catalogue) -> ChartSource:
        """Reads the index; archives are held against the digests in ``catalogue`` as well.

        Raises Refused chart-source-unreachable, -unsupported or -wrong.
        """
        text = _read(index_of(source))
        try:
            entries = parsed(text)["entries"]
            archives = {
                (chart, row["version"]): Archive(chart, row["version"], row["urls"][0], row.get("digest"))
                for chart in CHARTS
                for row in entries.get(chart) or []
            }
        except (yaml.YAMLError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise Refused(
                Problem(
                    "chart-source-wrong",
                    f"{shown(source)} has an index.yaml that is not one of a Helm repository.",
                    "Is meshroll_control_plane.chart_source the repository's address, without index.yaml?",
                )
            ) from error
        return cls(source.rstrip("/") + "/", archives, catalogue)

    @property
    def edges(self) -> frozenset[Edge]:
        """The releases of which it has every chart that Linkerd needs."""
        of = [{version for name, version in self._archives if name == chart} for chart in CHARTS]
        return edges_of(set.intersection(*of))

    def fetch(self, chart: ChartName, version: str, folder: Path) -> Path:
        """Puts the archive into ``folder``.

        Raises Refused chart-source-unreachable, chart-digest (not the one that the index has), chart-pin (not the one
        that the catalogue pins) or chart-wrong.
        """
        archive = self._archives[chart, version]
        if is_address(self.source):
            data = _read(urljoin(self.source, archive.url))
        else:
            data = _read(str(Path(self.source).expanduser() / Path(archive.url).name))
        digest = hashlib.sha256(data).hexdigest()
        if archive.digest and archive.digest.removeprefix("sha256:") != digest:
            raise Refused(
                Problem(
                    "chart-digest",
                    f"The archive of {chart} {version} has sha256 {digest}, not {archive.digest} as indexed.",
                    "The mirror is damaged, or was changed: index it anew from a source that you trust.",
                )
            )
        release = self._catalogue.find(Edge.of_chart(version))
        pinned = release.charts.get(chart) if release and release.charts else None
        if pinned and pinned != f"sha256:{digest}":
            raise Refused(
                Problem(
                    "chart-pin",
                    f"The archive of {chart} {version} has sha256 {digest}, and the catalogue pins {pinned}.",
                    "A mirror has to have the very archive that was published. If this one is right, correct "
                    f"`charts` of {Edge.of_chart(version)} in meshroll_catalogue.",
                )
            )
        path = folder / f"{chart}-{version}.tgz"
        with _readable(path.name):
            _unpacked(data)
        path.write_bytes(data)
        return path


def index_of(source: str) -> str:
    """Where the index of a chart source is. Raises Refused chart-source-unsupported."""
    if is_address(source) and source.partition("://")[0].lower() not in ("http", "https"):
        raise Refused(
            Problem(
                "chart-source-unsupported",
                f"{shown(source)} is neither an http(s) address nor a folder.",
                "Set meshroll_control_plane.chart_source to a Helm repository, or to a folder of charts "
                "with an index.yaml (`helm pull`, then `helm repo index FOLDER`).",
            )
        )
    return source.rstrip("/") + "/index.yaml"


def values_of(archive: Path) -> ChartValues:
    """What the chart in an archive takes, the charts inside it included. Raises Refused chart-wrong."""
    files: dict[str, str] = {}
    with _readable(archive.name):
        with tarfile.open(fileobj=io.BytesIO(_unpacked(archive.read_bytes()))) as tar:
            for member in tar:
                name = member.name.partition("/")[2]
                content = tar.extractfile(member) if name.startswith(_READ) else None
                if content:
                    files[name] = content.read().decode(errors="replace")
        return ChartValues.of(
            str(parsed(files["Chart.yaml"])["version"]),
            dict(parsed(files.get(VALUES, "")) or {}),
            dict(parsed(files.get(HA_VALUES, "")) or {}),
            "\n".join(text for name, text in files.items() if "templates/" in name),
            files.get(VALUES, ""),
        )


def _unpacked(data: bytes) -> bytes:
    """All of it, so that what was cut off is noticed. Raises OSError, EOFError or zlib.error."""
    with gzip.open(io.BytesIO(data)) as packed:
        unpacked = packed.read(BYTES_MAX)
        if packed.read(1):
            raise OSError(f"it is larger than {BYTES_MAX >> 20} MiB")
    return unpacked


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Raises Refused chart-wrong for whatever an archive can be that is no chart."""
    try:
        yield
    except (
        KeyError,
        TypeError,
        ValueError,
        tarfile.TarError,
        zlib.error,
        yaml.YAMLError,
        OSError,
        EOFError,
    ) as error:
        raise Refused(
            Problem(
                "chart-wrong",
                f"{name} is not a chart that can be read ({type(error).__name__}: {error}).",
                "The archive is damaged, or was packaged by hand: fetch it anew from a source that you trust.",
            )
        ) from error


def ha_values(chart: ChartValues) -> dict[str, Any]:
    """The control plane's own values-ha.yaml. Raises Refused where its chart has none."""
    values = dict(chart.ha)
    if not values:
        raise Refused(
            Problem(
                "chart-without-ha",
                f"{CONTROL_PLANE_CHART}-{chart.version}.tgz has no {HA_VALUES}.",
                "Set meshroll_control_plane.profile to default, or use Linkerd's own charts.",
            )
        )
    return values


def _read(place: str) -> bytes:
    """Raises Refused chart-source-unreachable."""
    try:
        return places.read(place, BYTES_MAX)
    except places.Unreadable as error:
        raise Refused(
            Problem(
                "chart-source-unreachable",
                f"The charts cannot be read from {shown(place)}: {error}.",
                "Is meshroll_control_plane.chart_source right, and may this machine reach it? "
                "A folder of charts with an index.yaml does as well.",
            )
        ) from error
