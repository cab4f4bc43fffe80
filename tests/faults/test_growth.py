"""What a rollout asks of the API server and of Prometheus grows with its workloads no faster than it must."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

import yaml
from faults.estate import GATE, Estate
from faults.fault import Request, Undisturbed
from sandbox.support import document_path, wait_for_pods

from meshroll.adapters.prometheus import queries

FEW, MANY = 2, 12


def add_workloads(estate: Estate, first: int, last: int) -> None:
    """Deployments that nobody calls, of one pod each."""
    for number in range(first, last):
        labels = {"app": f"more-{number}"}
        container = {"name": "more", "image": "registry.example/more:1.0"}
        document = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"more-{number}", "namespace": estate.name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }
        estate.kube.apply(document_path(document), document)
    wait_for_pods(estate.kube, estate.name, 3 + last)


def asked_by(estate: Estate, *command: str) -> tuple[list[Request], list[Request]]:
    """What a command asked of the API server and of Prometheus."""
    api, prometheus = estate.through.api, estate.through.prometheus
    with api.disturbed(Undisturbed()), prometheus.disturbed(Undisturbed()):
        ran = estate.run(*command)
        asked = list(api.requests), list(prometheus.requests)
    assert ran.code == 0, ran.result["errors"]
    return asked


def kinds(requests: Iterable[Request]) -> Counter[str]:
    """How many of each kind, but for what a run asks as often as it takes long: names of objects are all one."""
    return Counter(
        f"{request.method} {re.sub(r'(?<=/)(more-[0-9]+|server|client|(run|gate)-[^/]+)', '*', path)}"
        for request in requests
        if not (path := urlsplit(request.path).path).endswith("/leases/meshroll")
        and "watch=1" not in request.path
    )


def histories(asked: Iterable[Request]) -> list[Request]:
    return [each for each in asked if urlsplit(each.path).path.endswith("/query_range")]


def test_each_workload_more_costs_a_write_or_two_and_nothing_else(estate: Estate) -> None:
    settings = estate.folder / "inventory/host_vars/sandbox/test.yml"
    # Nobody calls these workloads, so no gate of theirs could be Successful.
    settings.write_text(
        yaml.safe_dump({**yaml.safe_load(settings.read_text()), "meshroll_gate": {**GATE, "dry_run": True}})
    )
    add_workloads(estate, 0, FEW)
    for looking in (["plan"], ["rollout", "--check"]):
        _, asked = asked_by(estate, *looking)
        assert asked and not histories(asked), "only a gate compares with the past"
    few, _ = asked_by(estate, "rollout")
    assert estate.run("rollback", "--to", "previous").code == 0
    add_workloads(estate, FEW, MANY)
    many, asked = asked_by(estate, "rollout")
    assert histories(asked)
    more = kinds(many) - kinds(few)
    written = {kind: number for kind, number in more.items() if not kind.startswith("GET ")}
    assert sum(written.values()) <= 2 * (MANY - FEW), written
    # A gate that looks once more lists the pods once more, however many they are.
    read = {
        kind: number
        for kind, number in more.items()
        if kind.startswith("GET ") and not kind.endswith("/pods")
    }
    assert sum(read.values()) < (MANY - FEW) / 2, read
    looks = Counter(
        moment for each in asked for moment in parse_qs(urlsplit(each.path).query).get("time", [])
    )
    assert max(looks.values()) == len(queries()), looks
