from __future__ import annotations

from meshroll.core.gate.calls import Calls
from meshroll.core.gate.matrix import balanced_by_server, called_by_workload, calls_by_server
from meshroll.core.gate.measurements import Measurements, Sample

POINTS = "Deployment/points"


def measured(
    sent: dict[tuple[str, str, str], dict[str, float]], came: dict[tuple[str, str], float] | None = None
) -> Measurements:
    """(namespace, client pod, service) -> server pod -> requests; (server pod, tls) -> requests that came in."""
    clients, busiest = [], []
    for (namespace, pod, service), by_pod in sent.items():
        labels = {
            "namespace": namespace,
            "pod": pod,
            "deployment": pod.rsplit("-", 1)[0],
            "dst_deployment": "points",
        }
        if service:
            labels["dst_service"] = service
        clients.append(Sample(labels, sum(by_pod.values())))
        name = max(by_pod, key=lambda one: by_pod[one])
        busiest.append(Sample({**labels, "dst_pod": name}, by_pod[name]))
    inbound = [
        Sample({"deployment": "points", "pod": pod, "tls": tls}, value)
        for (pod, tls), value in (came or {}).items()
    ]
    samples = {"outbound-clients": clients, "outbound-busiest": busiest, "inbound-requests": inbound}
    return Measurements("charging", 1000.0, 30.0, {}, samples)


def test_a_client_is_known_by_its_pod_with_the_namespace_where_it_is_another() -> None:
    found = calls_by_server(
        measured(
            {
                ("charging", "omni-1", ""): {"p-1": 40.0, "p-2": 2.0},
                ("reporting", "reports-1", "points"): {"p-2": 5.0},
            }
        )
    )
    assert found == {
        POINTS: (
            Calls(
                client="omni-1",
                workload="Deployment/omni",
                service="",
                pod="p-1",
                requests=40.0,
                total=42.0,
            ),
            Calls(
                client="reporting/reports-1",
                workload="reporting/Deployment/reports",
                service="points",
                pod="p-2",
                requests=5.0,
                total=5.0,
            ),
        )
    }


def test_who_spreads_its_calls_is_left_out() -> None:
    sent = {("charging", f"omni-{n}", "points"): {"p-1": 20.0, "p-2": 20.0, "p-3": 15.0} for n in range(3)}
    assert calls_by_server(measured(sent)) == {}
    assert balanced_by_server(measured(sent)) == {POINTS: 165.0}


def test_callers_without_a_proxy_are_one_client_that_only_the_servers_count() -> None:
    found = calls_by_server(
        measured({}, {("p-1", "no_identity"): 50.0, ("p-2", "no_identity"): 3.0, ("p-1", "true"): 900.0})
    )
    (calls,) = found[POINTS]
    assert (calls.client, calls.pod, calls.requests, calls.total) == ("", "p-1", 50.0, 53.0)


def test_without_answers_nobody_calls() -> None:
    assert calls_by_server(measured({})) == {}
    assert balanced_by_server(measured({})) == {}


def test_who_calls_whom_is_known_of_the_namespaces_own_workloads_that_send_requests() -> None:
    def sample(namespace: str, caller: str, server: str, value: float) -> Sample:
        return Sample(
            {
                "namespace": namespace,
                "deployment": caller,
                "dst_deployment": server,
                "dst_pod": f"{server}-1",
            },
            value,
        )

    seen = [
        sample("charging", "omni", "points", 4.0),
        sample("charging", "omni", "tariffs", 1.0),
        sample("charging", "omni", "ledger", 0.0),
        sample("reporting", "export", "points", 9.0),
    ]
    found = called_by_workload(Measurements("charging", 0.0, 30.0, {}, {"outbound-matrix": seen}))
    assert found == {"Deployment/omni": ("Deployment/points", "Deployment/tariffs")}
