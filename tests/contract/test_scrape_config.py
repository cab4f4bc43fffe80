"""What users are told to scrape is what the sandbox's Prometheus scrapes, which all else is tried on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from meshroll.commands.preflight import command

SANDBOX = yaml.safe_load((Path(__file__).parents[2] / "sandbox/prometheus.yml").read_text())
OWN = "__STANDINS_ADDRESS__"


def printed() -> dict[str, Any]:
    found = CliRunner().invoke(command, ["--print-scrape-config"], obj=None)
    assert found.exit_code == 0, found.output
    return {job["job_name"]: job for job in yaml.safe_load(found.output)}


def test_proxies_are_labelled_as_on_the_sandbox() -> None:
    (job,) = (each for each in SANDBOX["scrape_configs"] if each["job_name"] == "linkerd-proxy")
    rules = job["relabel_configs"]
    first = next(n for n, rule in enumerate(rules) if "phase" in str(rule.get("source_labels")))
    last = next(n for n, rule in enumerate(rules) if rule.get("target_label") == "instance")
    assert printed()["linkerd-proxy"]["relabel_configs"] == rules[first:last]


def test_cadvisor_is_scraped_too() -> None:
    assert printed()["cadvisor"]["metrics_path"] == "/metrics/cadvisor"
