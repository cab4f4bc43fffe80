"""What the stand-in says of a probe's calls, in the words of the real script."""

from __future__ import annotations

from random import Random
from typing import Any

from unit.sandbox.traffic_cluster import GOOD, NAMESPACE, PORT, Cluster

from meshroll.core.probe.answers import Answers, parse
from meshroll.core.probe.job import job
from meshroll.core.probe.target import Aim
from meshroll_sandbox.standins.traffic.probe import LABEL, result


def cluster(servers: int, headless: bool = False) -> Cluster:
    made = Cluster()
    made.run("tariffs", servers)
    made.expose("tariffs", "tariffs", headless, port=PORT if headless else 80)
    made.play(1)
    return made


def probe_pod(port: int = 80) -> dict[str, Any]:
    aim = Aim(NAMESPACE, "tariffs", port, True, ())
    template = job(aim, "curlimages/curl:8.12.1", "20260101t000000z-abcdef", "")["spec"]["template"]
    proxy = {"name": "linkerd-proxy", "image": f"cr.l5d.io/linkerd/proxy:{GOOD}", "restartPolicy": "Always"}
    return {
        "metadata": {**template["metadata"], "namespace": NAMESPACE, "name": "meshroll-probe-1", "uid": "u"},
        "spec": {**template["spec"], "initContainers": [proxy]},
        "status": {"phase": "Running"},
    }


def said(made: Cluster, item: dict[str, Any]) -> str:
    return result(item, made.topology(), made.model.alive, Random(7))


def answers(made: Cluster, item: dict[str, Any]) -> Answers:
    found = parse(said(made, item))
    assert found is not None
    assert found.calls == 100
    return found


def test_the_label_is_that_of_the_jobs_pods() -> None:
    key, value = LABEL
    assert probe_pod()["metadata"]["labels"][key] == value


def test_a_proxy_spreads_the_calls_of_one_connection_over_all_pods() -> None:
    found = answers(cluster(3), probe_pod())
    assert len(found.by_pod) == 3
    assert max(found.by_pod.values()) < 67
    assert (found.answered, found.balanced, found.failed) == (100, 100, 0)


def test_a_proxy_that_is_an_ordinary_container_stands_before_the_probes_own() -> None:
    item, made = probe_pod(), cluster(3)
    (proxy,) = item["spec"].pop("initContainers")
    item["spec"]["containers"].insert(0, {**proxy, "env": [{"name": "LINKERD2_PROXY_LOG", "value": "warn"}]})
    assert answers(made, item).answered == 100


def test_a_headless_service_pins_and_balances_nothing() -> None:
    found = answers(cluster(3, headless=True), probe_pod(PORT))
    assert list(found.by_pod.values()) == [100]
    assert found.balanced == 0


def test_calls_to_a_port_that_is_not_declared_fail() -> None:
    found = answers(cluster(3), probe_pod(8080))
    assert (found.failed, found.answered) == (100, 0)
