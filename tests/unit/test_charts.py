"""The chart source, over http and as a folder, and all the ways in which it can be wrong."""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.client import HTTPMessage
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest
import yaml

from meshroll.adapters import places
from meshroll.adapters.charts import ChartSource, ha_values, values_of
from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.errors import Refused
from meshroll.core.releases import Catalogue, Edge, Release


def read_source(place: str, **charts: str) -> ChartSource:
    """With a catalogue that knows one release, whose charts it pins if any are given (``crds``, ``control_plane``)."""
    names = {"crds": CRDS_CHART, "control_plane": CONTROL_PLANE_CHART}
    pins: Any = {names[name]: digest for name, digest in charts.items()}
    release = Release(edge="edge-26.6.3", charts=pins or None)
    return ChartSource.read(place, Catalogue(datetime.date(2026, 8, 21), {}, [release]))


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
    source = read_source(address if over_http else str(folder))
    assert source.edges == {Edge(26, 6, 3)}, "a release needs both charts"
    archive = source.fetch(CONTROL_PLANE_CHART, "2026.6.3", tmp_path_factory.mktemp("charts"))
    assert ha_values(values_of(archive)) == {"controllerReplicas": 3}


def test_an_archive_that_is_not_the_indexed_one_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / f"{CRDS_CHART}-2026.6.3.tgz").write_bytes(packed({"other": ""}))
    with pytest.raises(Refused) as refused:
        read_source(str(folder)).fetch(CRDS_CHART, "2026.6.3", tmp_path)
    assert refused.value.problems[0].code == "chart-digest"


def test_an_archive_is_held_against_the_catalogue_too(folder: Path, tmp_path: Path) -> None:
    right, wrong = f"sha256:{sha256(folder, CRDS_CHART)}", f"sha256:{'0' * 64}"
    assert read_source(str(folder), crds=right).fetch(CRDS_CHART, "2026.6.3", tmp_path).exists()
    source = read_source(str(folder), crds=wrong)
    with pytest.raises(Refused) as refused:
        source.fetch(CRDS_CHART, "2026.6.3", tmp_path / "other")
    (problem,) = refused.value.problems
    assert problem.code == "chart-pin"
    assert wrong in problem.message and "`charts` of edge-26.6.3 in meshroll_catalogue" in problem.hint
    assert source.fetch(CONTROL_PLANE_CHART, "2026.6.3", tmp_path).exists(), "what is not pinned is not held"


def test_a_mirror_that_changed_archive_and_index_alike_is_found_by_the_pin(
    folder: Path, tmp_path: Path
) -> None:
    pin = f"sha256:{sha256(folder, CRDS_CHART)}"
    data = packed({"linkerd-crds/Chart.yaml": "version: 2026.6.3", "linkerd-crds/templates/x.yaml": "evil"})
    (folder / f"{CRDS_CHART}-2026.6.3.tgz").write_bytes(data)
    index = yaml.safe_load((folder / "index.yaml").read_text())
    index["entries"][CRDS_CHART][0]["digest"] = hashlib.sha256(data).hexdigest()
    (folder / "index.yaml").write_text(yaml.safe_dump(index))
    with pytest.raises(Refused, match="the catalogue pins"):
        read_source(str(folder), crds=pin).fetch(CRDS_CHART, "2026.6.3", tmp_path)


def sha256(folder: Path, chart: str) -> str:
    return hashlib.sha256((folder / f"{chart}-2026.6.3.tgz").read_bytes()).hexdigest()


def test_a_chart_says_what_it_takes_with_the_charts_inside_it(tmp_path: Path) -> None:
    files = {
        "Chart.yaml": "version: 2026.6.3",
        "values.yaml": "logLevel: info\n# schedule: daily\n",
        "values-ha.yaml": "replicas: 3\n",
        "templates/a.yaml": "{{ .Values.first }}",
        "charts/partials/templates/_b.tpl": "{{ .Values.second.third }}",
        "README.md": "{{ .Values.fourth }}",
    }
    path = tmp_path / "chart.tgz"
    path.write_bytes(packed({f"plane/{name}": text for name, text in files.items()}))
    chart = values_of(path)
    assert (chart.version, chart.defaults, chart.ha) == ("2026.6.3", {"logLevel": "info"}, {"replicas": 3})
    known = {"logLevel", "schedule", "replicas", "first", "second", "fourth"}
    assert {name for name in known if chart.unknown((name,)) is None} == known - {"fourth"}
    assert chart.unknown(("second", "third")) is None


@pytest.mark.parametrize("kept_bytes", [0, 20, -20])
def test_an_archive_that_was_cut_off_is_no_chart(folder: Path, kept_bytes: int) -> None:
    archive = folder / f"{CONTROL_PLANE_CHART}-2026.6.3.tgz"
    archive.write_bytes(archive.read_bytes()[:kept_bytes])
    with pytest.raises(Refused) as refused:
        values_of(archive)
    assert refused.value.problems[0].code == "chart-wrong"


@pytest.mark.parametrize(
    "files",
    [{}, {"Chart.yaml": "[]"}, {"Chart.yaml": "version: 1", "values.yaml": "- a"}, {"Chart.yaml": "a: ["}],
)
def test_what_is_no_chart_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    path = tmp_path / "chart.tgz"
    path.write_bytes(packed({f"plane/{name}": text for name, text in files.items()}))
    with pytest.raises(Refused) as refused:
        values_of(path)
    assert refused.value.problems[0].code == "chart-wrong"


class Failing(Silent):
    """A repository that goes down once its index was read; ``how`` says in which way."""

    how = ""

    def do_GET(self) -> None:
        if self.path.endswith("index.yaml") == (self.how != "index cut off"):
            super().do_GET()
        elif self.how == "busy":
            self.send_error(503)
        elif self.how == "silent":
            self.connection.settimeout(5)
            self.rfile.read(1)
        elif self.how == "gone":
            self.close_connection = True
        else:
            data = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("busy", "503"),
        ("silent", "timed out"),
        ("gone", "closed connection"),
        ("archive cut off", "of it came"),
        ("index cut off", "of it came"),
    ],
)
def test_a_repository_that_goes_down_in_the_middle_is_refused_with_its_reason_and_leaves_no_archive(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    monkeypatch.setattr(places, "TIMEOUT_SECONDS", 0.2)
    handler = type("Handler", (Failing,), {"how": how})
    charts = tmp_path / "charts"
    charts.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(Refused) as refused:
            read_source(f"http://127.0.0.1:{server.server_port}").fetch(
                CONTROL_PLANE_CHART, "2026.6.3", charts
            )
        server.shutdown()
    (problem,) = refused.value.problems
    assert problem.code == "chart-source-unreachable" and said in problem.message
    assert ("index.yaml" in problem.message) == (how == "index cut off")
    assert list(charts.iterdir()) == []


def test_an_archive_that_the_folder_lost_is_named(folder: Path, tmp_path: Path) -> None:
    source = read_source(str(folder))
    (folder / f"{CRDS_CHART}-2026.6.3.tgz").unlink()
    with pytest.raises(Refused, match=f"{CRDS_CHART}-2026.6.3.tgz: .*No such file"):
        source.fetch(CRDS_CHART, "2026.6.3", tmp_path / "charts")


def test_an_archive_without_ha_values_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chart.tgz"
    path.write_bytes(packed({"linkerd-control-plane/Chart.yaml": "version: 2026.6.3"}))
    with pytest.raises(Refused) as refused:
        ha_values(values_of(path))
    assert refused.value.problems[0].code == "chart-without-ha"


@pytest.mark.parametrize(
    "index", ["", "[1]", "entries: [", "entries: {linkerd-crds: [{}]}", "!!python/object/apply:os.getcwd []"]
)
def test_an_index_that_is_none_is_refused(folder: Path, index: str) -> None:
    (folder / "index.yaml").write_text(index)
    with pytest.raises(Refused) as refused:
        read_source(str(folder))
    assert refused.value.problems[0].code == "chart-source-wrong"


def test_a_source_that_does_not_answer_says_so(address: str) -> None:
    for place, reason in (
        (f"{address}/nothing", "404"),
        ("http://127.0.0.1:1", "refused"),
        ("/none", "No such"),
    ):
        with pytest.raises(Refused) as refused:
            read_source(place)
        (problem,) = refused.value.problems
        assert problem.code == "chart-source-unreachable"
        assert reason in problem.message
        assert "chart_source" in problem.hint


@pytest.mark.parametrize("source", ["oci://registry.example/linkerd", "file:///etc", "ftp://charts.example"])
def test_other_kinds_of_source_are_refused(source: str) -> None:
    with pytest.raises(Refused) as refused:
        read_source(source)
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
            read_source(f"http://reader:p%40ss@127.0.0.1:{server.server_port}")
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
        read_source(source)
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
