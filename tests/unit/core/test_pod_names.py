from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.pod_names import owners_by_name

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
ESTATE = ["Deployment/api", "Deployment/api-v2", "StatefulSet/store", "DaemonSet/meter", "CronJob/nightly"]


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        ("api-7d9f8b6c5d-x2x4z", "Deployment/api"),
        ("api-v2-7d9f8b6c5d-x2x4z", "Deployment/api-v2"),
        ("store-0", "StatefulSet/store"),
        ("store-12", "StatefulSet/store"),
        ("meter-x2x4z", "DaemonSet/meter"),
        ("nightly-29391234-x2x4z", "CronJob/nightly"),
        ("api", None),
        ("api-x2x4z", None),
        ("api-7d9f8b6c5d-x2x4", None),
        ("api-7d9f8a6c5d-x2x4z", None),
        ("store-01", None),
        ("gone-7d9f8b6c5d-x2x4z", None),
    ],
)
def test_a_pods_name_says_whose_it_was(pod: str, owner: str | None) -> None:
    assert owners_by_name([pod], ESTATE).get(pod) == owner


@pytest.mark.parametrize(
    ("pod", "workloads"),
    [
        ("api-v2-x2x4z", ["Deployment/api", "DaemonSet/api-v2"]),
        ("web-24567", ["StatefulSet/web", "DaemonSet/web"]),
        ("nightly-29244567-x2x4z", ["CronJob/nightly", "Deployment/nightly"]),
    ],
)
def test_a_name_that_may_be_of_two_counts_for_nobody(pod: str, workloads: list[str]) -> None:
    assert owners_by_name([pod], workloads) == {}
    assert owners_by_name([pod], workloads[:1]) == {pod: workloads[0]}


def test_the_name_of_a_long_workload_is_cut_as_kubernetes_cuts_it() -> None:
    name = "a" * 53
    pod = f"{name}-7d9f8b6c5d-"[:58] + "x2x4z"
    assert owners_by_name([pod], [f"Deployment/{name}"]) == {pod: f"Deployment/{name}"}
    assert owners_by_name([pod[:-6] + "x2x4z"], [f"Deployment/{name}"]) == {}, "it is shorter than a cut one"


names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.sets(names, min_size=1, max_size=8), st.data())
def test_a_pod_is_never_counted_for_another_deployment(found: set[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(found)))
    pod_hash = data.draw(st.text(LETTERS, min_size=1, max_size=10))
    pod = f"{name}-{pod_hash}-{data.draw(st.text(LETTERS, min_size=5, max_size=5))}"
    owner = owners_by_name([pod], [f"Deployment/{each}" for each in found]).get(pod)
    assert owner in (f"Deployment/{name}", None)
