"""Waves: every workload once, callers first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import workload

from meshroll.core.errors import UsageError
from meshroll.core.model import Workload
from meshroll.core.settings import DEFAULT_WAVES, Wave
from meshroll.core.waves import planned_waves

NAMES = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
RULES = st.one_of(
    st.builds(Wave, clients=st.integers(1, 3)),
    st.builds(Wave, share=st.floats(0.01, 1)),
    st.builds(Wave, labels=st.sampled_from([{"tier": "front"}, {"tier": "none"}])),
    st.just(Wave()),
)


def estate(names: list[str]) -> list[Workload]:
    return [
        workload(KINDS[ord(n) % 4], n, metadata={"labels": {"tier": "front" if n < "d" else "back"}})
        for n in names
    ]


def planned(rules: list[Wave], workloads: list[Workload], clients: list[str]) -> list[list[str]]:
    return [[each.name for each in wave.workloads] for wave in planned_waves(rules, workloads, clients)]


@given(st.lists(RULES, max_size=5), NAMES, st.lists(st.sampled_from("abcdefghij"), unique=True))
def test_every_workload_is_in_exactly_one_wave(
    rules: list[Wave], names: list[str], called: list[str]
) -> None:
    clients = [each.id for each in estate(called)]
    waves = planned(rules, estate(names), clients)
    assert sorted(name for wave in waves for name in wave) == sorted(names)
    assert all(waves)


@given(NAMES, NAMES)
def test_by_default_callers_come_before_all_others_and_cronjobs_last(
    names: list[str], called: list[str]
) -> None:
    workloads = estate(names)
    clients = [each.id for each in estate(called)]
    order = [each for wave in planned_waves(DEFAULT_WAVES, workloads, clients) for each in wave.workloads]

    def rank(each: Workload) -> tuple[bool, int]:
        return each.kind == "CronJob", clients.index(each.id) if each.id in clients else 99

    assert [rank(each) for each in order] == sorted(rank(each) for each in order)


def test_the_default_is_one_client_then_a_quarter_then_the_rest() -> None:
    workloads = [workload(name=f"w{number}") for number in range(9)]
    assert [len(wave) for wave in planned(list(DEFAULT_WAVES), workloads, ["Deployment/w5"])] == [1, 3, 5]
    assert planned(list(DEFAULT_WAVES), workloads, ["Deployment/w5"])[0] == ["w5"]


def test_where_nobody_calls_anybody_the_first_wave_is_still_one_workload() -> None:
    workloads = [workload("CronJob", "a"), workload(name="b"), workload(name="c")]
    assert planned([Wave(clients=1)], workloads, []) == [["b"], ["c", "a"]]


def test_a_cronjob_that_calls_is_no_first_client() -> None:
    workloads = [workload("CronJob", "billing"), workload(name="b"), workload(name="c")]
    assert planned([Wave(clients=1)], workloads, ["CronJob/billing"])[0] == ["b"]


def test_named_workloads_keep_the_order_of_the_inventory() -> None:
    workloads = [workload(name=name) for name in "abc"]
    rule = Wave(workloads=["Deployment/c", "Deployment/a"])
    assert planned([rule], workloads, []) == [["c", "a"], ["b"]]


def test_a_workload_that_is_named_twice_is_taken_once() -> None:
    rule = Wave(workloads=["Deployment/a", "Deployment/a"])
    assert planned([rule], [workload(name="a")], []) == [["a"]]


@pytest.mark.parametrize("earlier", [[], [Wave(workloads=["Deployment/a"])]], ids=["absent", "taken"])
def test_a_wave_that_names_what_is_not_there_is_refused(earlier: list[Wave]) -> None:
    workloads = [workload(name="a")] if earlier else [workload(name="b")]
    with pytest.raises(UsageError, match="Deployment/a"):
        planned_waves([*earlier, Wave(name="second", workloads=["Deployment/a"])], workloads, [])


@pytest.mark.parametrize(
    ("share", "of", "taken"), [(0.25, 9, 3), (0.07, 100, 7), (0.29, 100, 29), (0.01, 3, 1)]
)
def test_a_share_is_rounded_up_but_not_by_the_noise_of_floats(share: float, of: int, taken: int) -> None:
    workloads = [workload(name=f"w{number}") for number in range(of)]
    assert len(planned([Wave(share=share)], workloads, [])[0]) == taken
