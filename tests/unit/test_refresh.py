"""`meshroll releases refresh`: what is read, what is passed over, and the file that is kept."""

from __future__ import annotations

import datetime
import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from unit.core.release_cases import CATALOGUE, catalogues

from meshroll import app
from meshroll.adapters import refresh as adapter
from meshroll.adapters.catalogue import read
from meshroll.adapters.refresh import Kind, refresh
from meshroll.core.errors import UsageError
from meshroll.core.releases import Catalogue, Edge

TODAY = datetime.date(2026, 11, 25)
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/result.schema.json").read_text())
NOWHERE = "https://reader:s3cret@127.0.0.1:1/list?token=s3cret"
OWN = """
as_of: 2026-08-21
sources: {our-tests: https://wiki.example/linkerd}
releases:
  - {edge: edge-26.8.3, mark: recommended, reason: Soaked., source: our-tests, marked_on: 2026-09-30}
"""


def written_on(file: Path, day: datetime.date) -> None:
    noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC).timestamp()
    os.utime(file, (noon, noon))


@pytest.fixture
def lists(tmp_path: Path) -> dict[Kind, str]:
    """Three lists in files: a release, a milestone, and notes that withdraw two releases."""
    plane = f"{{version: 2026.9.1, kubeVersion: '>=1.31.0-0', created: 2026-09-03, digest: {'a' * 64}}}"
    (tmp_path / "index.yaml").write_text(f"entries: {{linkerd-control-plane: [{plane}]}}")
    (tmp_path / "versions.yaml").write_text(
        '[{version: "2.21", edge: edge-26.10.2, releaseDate: "October 14, 2026"}]'
    )
    notes = [
        {"tag_name": f"edge-{edge}", "body": "This release is **not recommended**; use edge-26.10.2."}
        for edge in ("26.8.3", "26.9.1")
    ]
    (tmp_path / "notes.json").write_text(json.dumps(notes))
    for file in tmp_path.iterdir():
        written_on(file, TODAY)
    return {
        "index": str(tmp_path / "index.yaml"),
        "milestones": str(tmp_path / "versions.yaml"),
        "notes": str(tmp_path / "notes.json"),
    }


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Silent, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def marks(file: Path) -> dict[str, str]:
    return {release.edge: release.mark for release in read(str(file)).releases}


def test_a_new_file_has_what_is_shipped_and_what_was_read(tmp_path: Path, lists: dict[Kind, str]) -> None:
    file = tmp_path / "own.yml"
    done = refresh(file, lists, TODAY)
    assert read(str(file)) == done.catalogue
    assert done.catalogue.as_of == TODAY
    new = {change.release for change in done.changes if change.before is None and change.field == "mark"}
    assert new == {"edge-26.9.1", "edge-26.10.2"}
    found = marks(file)
    assert set(found) == {release.edge for release in CATALOGUE.releases} | new
    assert (found["edge-26.8.3"], found["edge-26.9.1"], found["edge-26.10.2"]) == (
        "not_recommended",
        "not_recommended",
        "recommended",
    )
    assert done.catalogue.milestones[-1] == Edge(26, 10, 2)
    assert refresh(file, lists, TODAY).changes == []


def test_a_mark_of_ones_own_outlives_every_refresh(tmp_path: Path, lists: dict[Kind, str]) -> None:
    file = tmp_path / "own.yml"
    file.write_text(OWN)
    for _ in range(2):
        done = refresh(file, lists, TODAY)
        release = read(str(file)).find(Edge(26, 8, 3))
        assert release
        assert (release.mark, release.reason, release.source) == ("recommended", "Soaked.", "our-tests")
        assert read(str(file)).source_of(release) == "https://wiki.example/linkerd"
        (kept,) = [change for change in done.changes if change.kept]
        assert (kept.release, kept.after) == ("edge-26.8.3", "not_recommended")


def test_a_pin_that_the_index_contradicts_stays_and_is_shown(
    tmp_path: Path, lists: dict[Kind, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yml"
    pinned = f"sha256:{'b' * 64}"
    row = f"  - {{edge: edge-26.9.1, charts: {{linkerd-control-plane: {pinned}}}}}\n"
    file.write_text(OWN + row)
    arguments = ["releases", "refresh", str(file), *(f"--{kind}={place}" for kind, place in lists.items())]
    assert app.run(arguments) == 0
    # Wherever the line is broken: a digest alone is almost as long as one.
    said = "".join(capsys.readouterr().out.split())
    assert f"charts.linkerd-control-planestays{pinned};theindexhassha256:{'a' * 64}" in said
    release = read(str(file)).find(Edge(26, 9, 1))
    assert release and release.charts == {"linkerd-control-plane": pinned}


def test_what_does_not_answer_is_passed_over_and_the_marks_stay_as_old_as_they_are(
    tmp_path: Path, lists: dict[Kind, str]
) -> None:
    file = tmp_path / "own.yml"
    done = refresh(file, {**lists, "notes": NOWHERE}, TODAY)
    assert done.catalogue.as_of == CATALOGUE.as_of
    assert [reading.kind for reading in done.readings if reading.why_not] == ["notes"]
    assert read(str(file)).find(Edge(26, 9, 1))
    told = json.dumps(done.as_dict())
    assert done.as_dict()["catalogue_age_days"] == 96
    assert "s3cret" not in told + file.read_text()
    offline: dict[Kind, str] = {"index": NOWHERE, "milestones": NOWHERE, "notes": NOWHERE}
    again = refresh(file, offline, TODAY)
    assert again.changes == []
    assert read(str(file)) == done.catalogue


def test_marks_out_of_an_old_file_are_as_old_as_the_file(tmp_path: Path, lists: dict[Kind, str]) -> None:
    day = datetime.date(2026, 10, 1)
    written_on(Path(lists["notes"]), day)
    done = refresh(tmp_path / "own.yml", lists, TODAY)
    assert done.catalogue.as_of == day
    release = done.catalogue.find(Edge(26, 9, 1))
    assert release
    assert release.marked_on == day
    written_on(Path(lists["notes"]), datetime.date(2026, 1, 1))
    assert refresh(tmp_path / "own.yml", lists, TODAY).catalogue.as_of == day


def test_a_page_that_is_no_list_is_passed_over_too(
    tmp_path: Path, lists: dict[Kind, str], address: str
) -> None:
    (tmp_path / "portal.html").write_text("<html><body>Please log in: {</body></html>")
    for kind in lists:
        done = refresh(tmp_path / f"{kind}.yml", {**lists, kind: f"{address}/portal.html"}, TODAY)
        (why,) = [reading.why_not for reading in done.readings if reading.why_not]
        assert why.startswith("it is not what it should be")


def test_all_of_it_comes_alike_from_an_address(tmp_path: Path, lists: dict[Kind, str], address: str) -> None:
    over_http: dict[Kind, str] = {kind: f"{address}/{Path(place).name}" for kind, place in lists.items()}
    assert (
        refresh(tmp_path / "a.yml", over_http, TODAY).catalogue.releases
        == refresh(tmp_path / "b.yml", lists, TODAY).catalogue.releases
    )


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("notes", "/nowhere/notes.json"),
        ("milestones", "http://reader:s3cret@mirror.example/versions.yaml"),
        ("index", __file__),
    ],
)
def test_a_file_that_is_missing_or_wrong_is_refused_and_nothing_is_written(
    tmp_path: Path, lists: dict[Kind, str], kind: Kind, place: str
) -> None:
    file = tmp_path / "own.yml"
    file.write_text(OWN)
    with pytest.raises(UsageError) as refused:
        refresh(file, {**lists, kind: place}, TODAY)
    (problem,) = refused.value.problems
    assert problem.code == "refresh-source"
    assert "s3cret" not in problem.message
    assert file.read_text() == OWN


def test_a_catalogue_that_cannot_be_written_is_told(tmp_path: Path, lists: dict[Kind, str]) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        refresh(tmp_path / "nowhere" / "own.yml", lists, TODAY)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(catalogues)
def test_what_is_written_is_read_back(tmp_path: Path, catalogue: Catalogue) -> None:
    file = tmp_path / "own.yml"
    adapter._write(file, catalogue)
    assert read(str(file)) == catalogue


def test_the_command_shows_the_difference_and_the_age(
    tmp_path: Path, lists: dict[Kind, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yml"
    arguments = ["releases", "refresh", str(file), "--index", lists["index"]]
    arguments += ["--milestones", lists["milestones"], "--notes", NOWHERE]
    assert app.run(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "notes not read https://***@127.0.0.1:1/list?***:" in said
    assert "edge-26.9.1 new, date 2026-09-03, kubernetes min 1.31" in said
    assert "linkerd-control-plane pinned" in said
    assert "edge-26.10.2 new, milestone 2.21 edge-26.10.2 recommended: Milestone 2.21." in said
    assert "2 releases differ. The marks in" in said
    assert app.run([*arguments, "--output", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["command"], result["data"]["catalogue"]["changes"]) == ("releases refresh", [])
    jsonschema.validate(result, SCHEMA)
    assert app.run([*arguments, "--notes", str(tmp_path / "none.json")]) == 2
