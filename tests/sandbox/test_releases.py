"""What `meshroll releases` says of a real cluster and a real chart source, and that it changes nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sandbox.support import Estate, catalogue_with, make_estate

from meshroll_sandbox.status import Status


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    return make_estate(sandbox.connection, "releases", tmp_path_factory.mktemp("releases"))


@pytest.mark.parametrize(
    ("day", "picked", "reasons"),
    [
        (
            "2026-01-15",
            "edge-25.10.7",
            {
                "edge-26.6.3": "released on 2026-06-18, after 2026-01-15",
                "edge-25.11.3": "the chart source does not have it",
                "edge-25.11.2": "not recommended: Mesh expansion does not work right with SPIRE. Use edge-25.11.3.",
            },
        ),
        (
            "2026-08-24",
            "edge-26.6.3",
            {"edge-26.8.3": "no source recommends it", "edge-26.6.99": "no source recommends it"},
        ),
    ],
)
def test_two_days_pick_different_releases_for_their_reasons(
    estate: Estate, day: str, picked: str, reasons: dict[str, str]
) -> None:
    before = estate.fingerprint()
    ran = estate.run("releases", "--for", "sandbox", "--as-of", day)
    assert ran.code == 0, ran.result["errors"]
    told = ran.cluster["releases"]
    assert (told["as_of"], told["picked"]) == (day, picked)
    assert told["kubernetes_version"].startswith("v1.35.")
    said = {row["release"]: row["why_not"] for row in told["releases"]}
    assert {edge: said[edge] for edge in reasons} == reasons
    assert estate.fingerprint() == before


def test_catalogue_of_the_inventory_makes_a_bad_edition_the_one_that_is_picked(
    estate: Estate, tmp_path: Path
) -> None:
    estate.settings(catalogue=catalogue_with(tmp_path, {"edge-26.6.99": {}, "edge-26.6.3": None}))
    ran = estate.run("releases", "--for", "sandbox", "--as-of", "2026-08-24")
    assert ran.cluster["releases"]["picked"] == "edge-26.6.99"
    withdrawn = {"mark": "not_recommended", "marked_on": date(2026, 8, 1)}
    estate.settings(catalogue=catalogue_with(tmp_path, {"edge-26.6.99": withdrawn}))
    ran = estate.run("releases", "--for", "sandbox", "--as-of", "2026-08-24")
    assert ran.cluster["releases"]["picked"] == "edge-26.6.3"
    estate.settings(catalogue=None)


def test_nothing_that_is_said_or_logged_has_the_login_of_the_chart_source(estate: Estate) -> None:
    for source in ("http://reader:s3cret@127.0.0.1:1/charts", "oci://reader:s3cret@charts.invalid"):
        estate.settings(control_plane={"chart_source": source, "namespace": "linkerd-absent"})
        for command in (("releases", "--for", "sandbox"), ("plan",)):
            ran = estate.run(*command, "--debug")
            assert ran.code == 3, ran.result
            assert ran.codes[0].startswith("chart-source-")
            log = Path(ran.result["data"]["log_file"]).read_text()
            assert log
            assert "s3cret" not in f"{ran.result} {ran.stderr} {log}"
