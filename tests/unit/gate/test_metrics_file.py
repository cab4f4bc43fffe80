"""How clusters stand, as Prometheus reads it, and the alerts on it; by Prometheus' own tool."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshroll.core.metrics_file import exposed

NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAY = 86400
RULES = files("meshroll").joinpath("data/alert_rules.yml").read_text(encoding="utf-8")


def cluster(**more: Any) -> dict[str, Any]:
    due = {
        "state": "overdue",
        "release": "edge-26.6.3",
        "released": "2026-06-18",
        "target": "edge-26.8.3",
        "since": "2026-10-01T00:00:00Z",
        "next_start": None,
        "deadlines": [
            {"what": "standard support", "on": "2026-12-10T00:00:00Z", "is_renewed": False},
            {"what": "the issuer", "on": "2026-12-10T00:00:00Z", "is_renewed": True},
        ],
    }
    started = {"started_at": "2026-11-01T02:00:00Z", "namespaces": ["charging"]}
    run = {"command": "upgrade", "state": "paused", **started}
    left = {"command": "rollout", "state": "running", **started}
    drill = {"command": "drill", "state": "running", "pending": ["partition"], **started}
    ends = {"what": "issuer", "subject": 'CN="a\\b"', "not_after": "2026-12-10T00:00:00Z"}
    usual = {
        "name": "prod-eu",
        "exit_code": 0,
        "upgrade": {"due": due},
        "runs": [
            run,
            {**drill, "namespaces": ["parking"], "state": "succeeded", "pending": []},
            drill,
            {**left, "namespaces": ["parking"], "state": "succeeded"},
            left,
            {**left, "state": "failed"},
        ],
        "certificates": [
            ends,
            {**ends, "not_after": "2036-01-01T00:00:00Z"},
            {**ends, "what": "trust anchor", "not_after": None},
        ],
    }
    return {**usual, **more}


def test_prometheus_reads_every_line_and_knows_the_help_of_each(promtool: str) -> None:
    text = exposed(
        [cluster(), cluster(name="prod-us", exit_code=3, upgrade=None, runs=[], certificates=[])], NOW
    )
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert 'meshroll_cluster_read{cluster="prod-us"} 0' in text
    assert (
        f'meshroll_release_timestamp_seconds{{cluster="prod-eu",release="edge-26.6.3"}} {1781740800}' in text
    )
    assert re.findall(
        r'last_run_state{cluster="prod-eu",namespace="(\w*)",command="\w+",state="(\w+)"} 1', text
    ) == [
        ("", "paused"),
        ("parking", "succeeded"),
        ("charging", "running"),
    ], "an open run is not hidden by one of another namespace"
    assert text.count("meshroll_certificate_not_after_timestamp_seconds{") == 1, (
        "of one that was not read none"
    )


@pytest.mark.parametrize(
    ("state", "started_at", "pending", "is_left"),
    [
        ("rollback_incomplete", "2026-11-29T23:50:00Z", ["partition"], True),
        ("running", "2026-11-29T23:50:00Z", ["partition"], False),
        ("running", "2026-11-29T22:50:00Z", ["partition"], True),
        ("running", "2026-11-29T22:50:00Z", [], False),
        ("succeeded", "2026-11-29T23:50:00Z", [], False),
    ],
)
def test_a_fault_that_is_left_is_told_and_hides_no_run(
    state: str, started_at: str, pending: list[str], is_left: bool
) -> None:
    """Also beside a newer run of the namespace: only a drill takes it back."""
    drill = {"command": "drill", "state": state, "started_at": started_at, "pending": pending}
    rollout = {"command": "rollout", "state": "paused", "started_at": "2026-11-01T02:00:00Z"}
    runs = [{**run, "namespaces": ["charging"]} for run in (rollout, drill)]
    for order in (runs, runs[::-1]):
        text = exposed([cluster(runs=order)], NOW)
        assert ('meshroll_drill_fault_left{cluster="prod-eu",namespace="charging"} 1' in text) is is_left
        assert 'namespace="charging",command="rollout",state="paused"} 1' in text


def test_a_cluster_that_failed_before_it_was_read_still_says_so() -> None:
    assert 'meshroll_cluster_read{cluster="c"} 0' in exposed([{"name": "c", "exit_code": 3}], NOW)


def test_prometheus_takes_the_rules_and_they_ask_for_metrics_that_are_written(
    promtool: str, tmp_path: Path
) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    subprocess.run([promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, check=True)
    written = set(re.findall(r"^# TYPE (\S+)", exposed([cluster()], NOW), re.MULTILINE))
    asked = {
        name
        for rule in yaml.safe_load(RULES)["groups"][0]["rules"]
        for name in re.findall(r"meshroll_\w+", rule["expr"])
    }
    assert asked <= written


@pytest.mark.parametrize(
    ("series", "value", "alert"),
    [
        ('meshroll_upgrade_state{cluster="c",state="overdue"}', "1+0x300", "MeshrollUpgradeOverdue"),
        (
            'meshroll_last_run_state{cluster="c",command="rollout",state="paused"}',
            "1+0x300",
            "MeshrollRunLeftOpen",
        ),
        (
            'meshroll_last_run_state{cluster="c",command="rollout",state="failed"}',
            "1+0x300",
            "MeshrollRunFailed",
        ),
        (
            'meshroll_certificate_not_after_timestamp_seconds{cluster="c",what="issuer"}',
            f"{29 * DAY}+0x300",
            "MeshrollCertificateEnds",
        ),
        (
            'meshroll_last_run_state{cluster="c",command="rollout",state="running"}',
            "1+0x600",
            "MeshrollRunKilled",
        ),
        ('meshroll_drill_fault_left{cluster="c",namespace="n"}', "1+0x300", "MeshrollDrillFaultLeft"),
        ('meshroll_upgrade_state{cluster="c",state="unfinished"}', "1+0x600", "MeshrollRunKilled"),
        (
            'meshroll_support_end_timestamp_seconds{cluster="c",what="extended support"}',
            f"{59 * DAY}+0x300",
            "MeshrollSupportEnds",
        ),
        (
            'meshroll_support_end_timestamp_seconds{cluster="c",what="extended support"}',
            "-86400+0x300",
            "MeshrollSupportEnds",
        ),
        (
            'meshroll_support_end_timestamp_seconds{cluster="c",what="standard support"}',
            f"{59 * DAY}+0x300",
            "MeshrollSupportCostsMore",
        ),
        ('meshroll_support_end_timestamp_seconds{cluster="c",what="extended"}', f"{70 * DAY}+0x300", None),
        ('meshroll_cluster_read{cluster="c"}', "0+0x3000", "MeshrollClusterNotRead"),
        ('meshroll_metrics_timestamp_seconds{cluster="c"}', "0+0x6000", "MeshrollMetricsOld"),
        ('meshroll_upgrade_state{cluster="c",state="due"}', "1+0x300", None),
        ('meshroll_last_run_state{cluster="c",command="rollout",state="succeeded"}', "1+0x300", None),
        (
            'meshroll_certificate_not_after_timestamp_seconds{cluster="c",what="issuer"}',
            f"{90 * DAY}+0x300",
            None,
        ),
    ],
)
def test_an_alert_fires_for_what_it_is_called_after_and_for_nothing_else(
    promtool: str, tmp_path: Path, series: str, value: str, alert: str | None
) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    minutes = {
        "MeshrollClusterNotRead": 1500,
        "MeshrollMetricsOld": 2 * 1440 + 5,
        "MeshrollRunKilled": 430,
    }.get(alert or "", 120)

    def fires(name: str) -> bool:
        """promtool says it by failing a test that expects none."""
        wanted = [{"alertname": name, "eval_time": f"{minutes}m", "exp_alerts": []}]
        test = {
            "interval": "1m",
            "input_series": [{"series": series, "values": value}],
            "alert_rule_test": wanted,
        }
        case = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
        (tmp_path / "case.yml").write_text(yaml.safe_dump(case))
        done = subprocess.run(
            [promtool, "test", "rules", "case.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or "exp:[]" in done.stderr + done.stdout, done.stderr + done.stdout
        return done.returncode != 0

    names = [rule["alert"] for rule in yaml.safe_load(RULES)["groups"][0]["rules"]]
    assert [name for name in names if fires(name)] == ([alert] if alert else [])
