"""On the sandbox's estate preflight names what is planted there, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from sandbox.support import Estate, Ran, make_estate

from meshroll_sandbox.status import Status

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/result.schema.json").read_text())
# The StatefulSet's headless Service has no caller, and stays unsaid.
PLANTED = {
    ("headless-service", "Service/voltnet-omnicharge-points"),
    ("client-side-balancing", "Deployment/omni"),
    ("caller-elsewhere", "Deployment/tariff-reports"),
    ("nothing-drains", "Deployment/tariffs"),
}
LISTED = PLANTED - {
    ("headless-service", "Service/voltnet-omnicharge-points"),
    ("caller-elsewhere", "Deployment/tariff-reports"),
}


@pytest.fixture(scope="module")
def estate(sandbox: Status, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    assert sandbox.connection
    return make_estate(sandbox.connection, "preflight", tmp_path_factory.mktemp("preflight"))


def named(ran: Ran, estate: Estate) -> set[tuple[str, str]]:
    """In the estate's namespaces: Linkerd itself is what other tests of this sandbox left."""
    return {
        (check["id"], finding["object"])
        for check in ran.cluster["checks"]
        for finding in check["findings"]
        if str(finding["namespace"]).startswith(estate.name)
    }


def test_every_trap_of_the_estate_is_named_and_no_other_and_nothing_is_changed(estate: Estate) -> None:
    estate.namespace_settings()
    before = estate.fingerprint()
    ran = estate.run("preflight")
    assert ran.code == 0, ran.result["errors"]
    jsonschema.validate(ran.result, SCHEMA)
    assert named(ran, estate) == PLANTED
    assert ran.cluster["predicted"]["restarting_pods"] > 0
    assert ran.cluster["predicted"]["free_cpu_cores"] > 0
    assert estate.fingerprint() == before


def test_what_the_inventory_accounts_for_is_no_trap(tmp_path: Path, sandbox: Status) -> None:
    assert sandbox.connection
    estate = make_estate(sandbox.connection, "preflight-listed", tmp_path)
    assert named(estate.run("preflight"), estate) == LISTED


def test_what_blocks_refuses_until_it_is_accepted(estate: Estate) -> None:
    estate.namespace_settings()
    estate.settings(checks={"accept": []})
    policy = {"config.linkerd.io/default-inbound-policy": "deny"}
    path = f"/api/v1/namespaces/{estate.name}"
    estate.kube.merge_patch(path, {"metadata": {"annotations": policy}})
    try:
        ran = estate.run("preflight", "--only", "policy-denies-unmeshed")
        assert (ran.code, set(ran.codes)) == (3, {"policy-denies-unmeshed"})
        assert [check["result"] for check in ran.cluster["checks"]] == ["block"]
        refused = estate.run("rollout", "--check")
        assert (refused.code, set(refused.codes)) == (3, {"policy-denies-unmeshed"})

        ran = estate.run(
            "preflight", "--only", "policy-denies-unmeshed", "--accept", "policy-denies-unmeshed"
        )
        assert ran.code == 0
        assert [check["result"] for check in ran.cluster["checks"]] == ["accepted"]
        estate.settings(
            checks={"accept": [{"id": "policy-denies-unmeshed", "reason": "All callers are meshed."}]}
        )
        assert estate.run("rollout", "--check").code == 0
        ran = estate.run("preflight", "--accept", "namespace-missing")
        assert (ran.code, ran.codes) == (2, ["check-not-acceptable"])
    finally:
        estate.kube.merge_patch(path, {"metadata": {"annotations": dict.fromkeys(policy)}})
