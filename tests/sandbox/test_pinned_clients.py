"""A client that stays pinned ends a gate in Failed, by name and with the cause."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sandbox.support import Estate, add_caller, make_estate

from meshroll_sandbox.status import Status


@pytest.fixture
def estate(sandbox: Status, tmp_path: Path, request: pytest.FixtureRequest) -> Estate:
    assert sandbox.connection
    return make_estate(
        sandbox.connection, "pinned-" + str(abs(hash(request.node.name)) % 10_000_000), tmp_path
    )


def client(workload: str, service: str, *switches: Mapping[str, str], **keys: str) -> dict[str, Any]:
    return {"workload": workload, "service": service, "dial": list(switches), **keys}


DIAL_MODE = {"env": "DIAL_MODE", "pooled": "pooled", "per_request": "per_request"}


def failed_finding(ran: Any, workload: str) -> dict[str, Any]:
    gate = ran.cluster["gate"][-1]
    assert gate["outcome"] == "Failed", gate
    (judged,) = (each for each in gate["workloads"] if each["workload"] == workload)
    return dict(next(each for each in judged["findings"] if each["signal"] == "pinned_client"))


@pytest.mark.exhaustive
def test_a_pinned_caller_without_a_proxy_fails_a_load_that_meshed_callers_see_as_even(estate: Estate) -> None:
    add_caller(estate, "terminal", "tariffs", 80)
    estate.namespace_settings(
        workloads=["Deployment/pricing", "Deployment/tariffs"],
        injection="workloads",
        services=[{"name": "tariffs"}],
        clients=[
            client("Deployment/pricing", "tariffs", DIAL_MODE),
            client("Deployment/tariff-reports", "tariffs", DIAL_MODE, namespace=f"{estate.name}-reporting"),
        ],
    )
    ran = estate.run("rollout")
    assert ran.code == 4 and "gate-failed" in ran.codes, (ran.result["errors"], ran.cluster["gate"])
    found = failed_finding(ran, "Deployment/tariffs")
    assert found["outcome"] == "Failed"
    assert found["text"].startswith("a client without a proxy: ")
    assert "a caller that no manifest names" in found["text"]
    assert found["text"] in ran.cluster["gate"][-1]["summary"]
