"""The chart source, over http and as a folder, and all the ways in which it can be wrong."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.client import HTTPMessage
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request

import pytest
import yaml

from meshroll.adapters import places
from meshroll.adapters.charts import ChartSource, ha_values
from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.errors import Refused
from meshroll.core.releases import Edge


def packed(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `helm repo index` leaves it: two releases of the control plane, one of the CRDs."""
    entries: dict[str, list[dict[str, object]]] = {}
    for chart, version in (
        (CRDS_CHART, "2026.6.3"),
        (CONTROL_PLANE_CHART, "2026.6.3"),
        (CONTROL_PLANE_CHART, "2026.8.3"),
    ):
        files = {"Chart.yaml": f"version: {version}", "values-ha.yaml": "controllerReplicas: 3\n"}
        data = packed({f"{chart}/{file}": text for file, text in files.items()})
        name = f"{chart}-{version}.tgz"
        (tmp_path / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        entries.setdefault(chart, []).append({"version": version, "urls": [name], "digest": digest})
    (tmp_path / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": entries}))
    return tmp_path


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("over_http", [True, False])
def test_versions_and_archives_come_alike_from_both(
    folder: Path, address: str, tmp_path_factory: pytest.TempPathFactory, over_http: bool
) -> None:
    source = ChartSource.read(address if over_http else str(folder))
    assert source.edges == {Edge(26, 6, 3)}, "a release needs both charts"
    archive = source.fetch(CONTROL_PLANE_CHART, "2026.6.3", tmp_path_factory.mktemp("charts"))
    assert ha_values(archive) == {"controllerReplicas": 3}


def test_an_archive_that_is_not_the_indexed_one_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / f"{CRDS_CHART}-2026.6.3.tgz").write_bytes(packed({"other": ""}))
    with pytest.raises(Refused) as refused:
        ChartSource.read(str(folder)).fetch(CRDS_CHART, "2026.6.3", tmp_path)
    assert refused.value.problems[0].code == "chart-digest"


def test_an_archive_without_ha_values_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chart.tgz"
    path.write_bytes(packed({"linkerd-control-plane/Chart.yaml": "version: 2026.6.3"}))
    with pytest.raises(Refused) as refused:
        ha_values(path)
    assert refused.value.problems[0].code == "chart-without-ha"


@pytest.mark.parametrize(
    "index", ["", "[1]", "entries: [", "entries: {linkerd-crds: [{}]}", "!!python/object/apply:os.getcwd []"]
)
def test_an_index_that_is_none_is_refused(folder: Path, index: str) -> None:
    (folder / "index.yaml").write_text(index)
    with pytest.raises(Refused) as refused:
        ChartSource.read(str(folder))
    assert refused.value.problems[0].code == "chart-source-wrong"


def test_a_source_that_does_not_answer_says_so(address: str) -> None:
    for place, reason in (
        (f"{address}/nothing", "404"),
        ("http://127.0.0.1:1", "refused"),
        ("/none", "No such"),
    ):
        with pytest.raises(Refused) as refused:
            ChartSource.read(place)
        (problem,) = refused.value.problems
        assert problem.code == "chart-source-unreachable"
        assert reason in problem.message
        assert "chart_source" in problem.hint


@pytest.mark.parametrize("source", ["oci://registry.example/linkerd", "file:///etc", "ftp://charts.example"])
def test_other_kinds_of_source_are_refused(source: str) -> None:
    with pytest.raises(Refused) as refused:
        ChartSource.read(source)
    assert refused.value.problems[0].code == "chart-source-unsupported"


def test_the_login_of_a_source_reaches_its_server_and_no_message() -> None:
    asked: list[str | None] = []

    class Guarded(Silent):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_error(403)

    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(Refused) as refused:
            ChartSource.read(f"http://reader:p%40ss@127.0.0.1:{server.server_port}")
        server.shutdown()
    assert asked == ["Basic " + base64.b64encode(b"reader:p@ss").decode()]
    assert_secret_is_not_said(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        "https://reader:p%40ss@127.0.0.1:1/charts",
        "http://reader:p%40ss@charts.invalid",
        "oci://reader:p%40ss@registry.example/linkerd",
        "https://reader:p%40ss@[::1",
        "https://reader:p%40ss@host:none/",
        "https://reader:p@ss#reader@host/charts",
        "https://reader:p@ss/reader@host/charts",
        "https://charts.example:p@ss?reader",
    ],
)
def test_no_error_of_a_source_says_its_login(source: str) -> None:
    with pytest.raises(Refused) as refused:
        ChartSource.read(source)
    assert_secret_is_not_said(refused.value)


def assert_secret_is_not_said(error: Refused) -> None:
    (problem,) = error.problems
    for text in (problem.message, problem.hint, str(error)):
        assert "p@ss" not in text
        assert "p%40ss" not in text
        assert "reader" not in text


def test_what_is_asked_for_over_tls_is_not_taken_from_a_redirect_without() -> None:
    redirect = places._StayingSafe().redirect_request
    headers = HTTPMessage()
    for where in ("http://charts.example/index.yaml", "ftp://charts.example/index.yaml"):
        with pytest.raises(places.Unreadable):
            redirect(Request("https://charts.example/index.yaml"), None, 302, "Found", headers, where)
    request = Request("https://charts.example/index.yaml")
    request.add_unredirected_header("Authorization", "Basic x")
    followed = redirect(request, None, 302, "Found", headers, "https://elsewhere.example/index.yaml")
    assert followed and not followed.has_header("Authorization")


def test_more_than_is_wanted_is_not_read(folder: Path, address: str) -> None:
    for place in (str(folder / "index.yaml"), f"{address}/index.yaml"):
        with pytest.raises(places.Unreadable, match="larger"):
            places.read(place, 10)
