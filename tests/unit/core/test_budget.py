"""No more restarts at once than namespace, cluster and nodes may have; none waits for nothing, none for ever."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.factories import EDGE, cluster, pod, settings, space, workload

from meshroll.core.budget import Limits, Restart, Turns, by_node, limits_of, nodes_of, to_begin
from meshroll.core.changes import Change
from meshroll.core.followed import Followed
from meshroll.core.model import Pod, Workload
from meshroll.core.way_in import rollout_plan
from meshroll.core.way_out import fallback_plan

NODES = "abc"
LIMITS = st.builds(Limits, st.integers(1, 6), st.none() | st.integers(1, 3))
RESTARTS = st.lists(
    st.builds(
        Restart, st.integers(0, 9), st.dictionaries(st.sampled_from(NODES), st.integers(1, 4), max_size=3)
    ),
    max_size=9,
)
DELETED_FIRST: dict[str, dict[str, Any]] = {
    "Deployment": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}}},
    "StatefulSet": {},
    "DaemonSet": {},
}


def on(node: str | None, owner: Workload, index: int, **how: Any) -> Pod:
    made = pod(owner, index, **how)
    return Pod({**made.manifest, "spec": {**made.manifest["spec"], **({"nodeName": node} if node else {})}})


def alone_or_within(counts: list[int], limit: int | None) -> bool:
    counted = [count for count in counts if count]
    return limit is None or len(counted) <= 1 or sum(counted) <= limit


@pytest.mark.parametrize(
    ("home", "everywhere", "pods", "set_by"),
    [
        ("10%", None, 10, "namespace"),
        ("10%", "20%", 10, "namespace"),
        ("10%", "5%", 6, "cluster"),
        ("10%", 3, 3, "cluster"),
        (4, 4, 4, "namespace"),
        ("0%", "100%", 1, "namespace"),
        ("100%", "0%", 1, "cluster"),
        (200, None, 200, "namespace"),
    ],
)
def test_the_smaller_limit_counts_and_no_share_is_nothing(
    home: int | str, everywhere: int | str | None, pods: int, set_by: str
) -> None:
    asked = settings(max_restarting_pods=home, max_restarting_pods_per_cluster=everywhere)
    found = limits_of(asked, pods_in_namespace=100, pods_in_cluster=120)
    assert (found.pods, found.set_by) == (pods, set_by)


def test_a_share_of_the_cluster_is_of_all_of_its_workloads_on_both_ways() -> None:
    elsewhere = workload(namespace="other", replicas=50)
    owner = workload(replicas=50, annotations={"linkerd.io/inject": "enabled"})
    proxied = [on("a", owner, index, proxy="native") for index in range(50)]
    view = cluster(space(owner, pods_seen=proxied), elsewhere=[elsewhere])
    asked = settings(
        max_restarting_pods="100%", max_restarting_pods_per_cluster="20%", max_restarting_pods_per_node=2
    )
    wanted = Limits(20, 2, "cluster")
    out = fallback_plan(view, asked, "run")
    plain = cluster(space(workload(replicas=50)), elsewhere=[elsewhere])
    into = rollout_plan(plain, asked, EDGE, "run", (), ())
    for plan in (into, out):
        assert plan.steps and {step.limits for step in plan.steps} == {wanted}


@given(RESTARTS, LIMITS, st.randoms(use_true_random=False))
def test_all_begin_in_the_end_within_the_limits_and_nothing_that_fits_waits(
    restarts: list[Restart], limits: Limits, chance: Random
) -> None:
    waiting = {str(number): restart for number, restart in enumerate(restarts)}
    under_way: dict[str, Restart] = {}
    while waiting:
        for name in to_begin(waiting, under_way.values(), limits):
            under_way[name] = waiting.pop(name)
        assert within(under_way, limits)
        for name, restart in waiting.items():
            assert not within({**under_way, name: restart}, limits), "it fits and waits"
        if under_way:
            under_way.pop(chance.choice(sorted(under_way)))


def within(under_way: dict[str, Restart], limits: Limits) -> bool:
    on_nodes = [[each.by_node.get(node, 0) for each in under_way.values()] for node in NODES]
    return alone_or_within([each.pods for each in under_way.values()], limits.pods) and all(
        alone_or_within(counts, limits.pods_per_node) for counts in on_nodes
    )


def test_what_restarts_nothing_never_waits() -> None:
    assert to_begin({"CronJob/a": Restart(0)}, [Restart(50, {"a": 9})], Limits(10, 1)) == ["CronJob/a"]


def test_the_next_that_fits_goes_first_where_a_node_is_busy() -> None:
    waiting = {"first": Restart(1, {"a": 1}), "second": Restart(1, {"b": 1})}
    assert to_begin(waiting, [Restart(1, {"a": 1})], Limits(9, 1)) == ["second"]


class Played:
    """A cluster whose pods stay on their nodes: each is taken away, comes back not Ready, and is Ready in the end."""

    def __init__(self, places: list[tuple[str, list[str]]]) -> None:
        self.owners = {
            (owner := workload(kind, f"w{number}", replicas=len(nodes), spec=DELETED_FIRST[kind])).id: owner
            for number, (kind, nodes) in enumerate(places)
        }
        self.places = dict(zip(self.owners, (nodes for _, nodes in places), strict=True))
        self.old = {name: list(range(len(nodes))) for name, nodes in self.places.items()}
        self.away: dict[str, list[int]] = {name: [] for name in self.places}
        self.starting: dict[str, list[int]] = {name: [] for name in self.places}
        self.followed = Followed()
        self.followed.take((owner.kind, owner.name, owner.manifest) for owner in self.owners.values())
        for name in self.owners:
            for index in self.old[name]:
                self.put(name, index)

    def put(self, name: str, index: int, **how: Any) -> None:
        made = on(self.places[name][index], self.owners[name], index, **how)
        self.followed.take([("Pod", made.name, made.manifest)])

    def move(self, name: str, chance: Random) -> None:
        at_once = 2 if name.startswith("Deployment") else 1
        moves = [each for each in ("away", "starting") if getattr(self, each)[name]]
        if self.old[name] and len(self.away[name]) + len(self.starting[name]) < at_once:
            moves.append("old")
        move = chance.choice(moves)
        index = getattr(self, move)[name].pop(0)
        if move == "old":
            self.away[name].append(index)
            self.followed.take([("Pod", f"{self.owners[name].name}-{index}", None)])
        elif move == "away":
            self.starting[name].append(index)
            self.put(name, index, uid=f"new-{name}-{index}", ready=False)
        else:
            self.put(name, index, uid=f"new-{name}-{index}")

    def is_done(self, name: str) -> bool:
        return not (self.old[name] or self.away[name] or self.starting[name])

    def down(self, node: str) -> list[int]:
        """Of each workload, how many of its pods on the node are not Ready or gone."""
        return [
            sum(places[index] == node for index in self.away[name] + self.starting[name])
            for name, places in self.places.items()
        ]


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(DELETED_FIRST)), st.lists(st.sampled_from(NODES), max_size=4)),
        max_size=6,
    ),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_of_pods_that_keep_to_their_nodes_no_more_are_down_than_a_node_may_have(
    places: list[tuple[str, list[str]]], limit: int, chance: Random
) -> None:
    played = Played(places)
    changes = [change(played.owners[name]) for name in played.owners]
    turns = Turns(changes, Limits(99, limit), played.followed)
    under_way, touched = set[str](), set[str]()
    while turns.waiting or under_way:
        under_way |= {each.workload or "" for each in turns.next(under_way, touched)}
        assert under_way
        name = chance.choice(sorted(under_way))
        if played.is_done(name):
            under_way.remove(name)
        else:
            played.move(name, chance)
        touched = {name}
        assert all(alone_or_within(played.down(node), limit) for node in NODES)
    assert all(map(played.is_done, played.owners))


def test_what_restarts_nothing_waits_for_what_does() -> None:
    restarting, idle = workload(name="a"), workload("CronJob", name="b", replicas=0)
    turns = Turns([change(idle), change(restarting)], Limits(restarting.replicas), Followed())
    assert [each.name for each in turns.next((), ())] == ["a"]
    assert [each.name for each in turns.next((), ())] == ["b"]


def change(owner: Workload) -> Change:
    return Change(owner.kind, owner.namespace, owner.name, "patch", "a test", pods=owner.replicas)


def test_a_node_is_free_again_as_soon_as_its_own_pod_is_replaced_there() -> None:
    agents = workload("DaemonSet", replicas=2)
    old = [on(node, agents, index) for index, node in enumerate("ab")]
    new = on("a", agents, 2, uid="new")
    assert by_node(agents, [new, old[1]], nodes_of(old)) == {"b": 1}


def test_a_place_is_kept_while_nothing_has_come_for_the_pod_that_is_gone() -> None:
    owner = workload(replicas=1)
    assert by_node(owner, [], nodes_of([on("a", owner, 0)])) == {"a": 1}
    assert by_node(owner, [on(None, owner, 1, ready=False)], nodes_of([on("a", owner, 0)])) == {"a": 1}


def test_a_pod_that_comes_up_on_another_node_counts_there_and_ends_it() -> None:
    owner = workload(replicas=1)
    before = nodes_of([on("a", owner, 0)])
    coming = on("b", owner, 1, uid="new", ready=False)
    assert by_node(owner, [coming], before) == {"a": 1, "b": 1}
    assert by_node(owner, [on("b", owner, 1, uid="new"), on("a", owner, 0, ending=True)], before) == {}


def test_a_node_counts_no_more_than_a_strategy_restarts_at_once() -> None:
    owner = workload(replicas=8)  # 2 fewer and 2 more
    old = [on("a", owner, index) for index in range(8)]
    assert by_node(owner, old, nodes_of(old)) == {"a": 4}
    ledger = workload("StatefulSet", "ledger", replicas=8)
    kept = [on("a", ledger, index) for index in range(8)]
    assert by_node(ledger, kept, nodes_of(kept)) == {"a": 1}


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [(Limits(1), []), (Limits(2), ["same-node"]), (Limits(3, 1), ["other-node"])],
    ids=["no pod is left", "one pod is left", "one node is left"],
)
def test_what_was_on_its_way_already_counts_as_what_is_begun(limits: Limits, wanted: list[str]) -> None:
    followed = Followed()
    owners = [workload(name=name, replicas=1) for name in ("resumed", "same-node", "other-node")]
    owners[0].manifest["metadata"]["generation"] = 2
    for owner, node in zip(owners, "aab", strict=True):
        made = on(node, owner, 0)
        followed.take([(owner.kind, owner.name, owner.manifest), ("Pod", made.name, made.manifest)])
    turns = Turns([change(owner) for owner in owners[1:]], limits, followed)
    begun = turns.next({owners[0].id}, set())
    assert [each.name for each in begun] == wanted


def test_what_is_rolled_out_already_takes_no_place_while_it_is_looked_at() -> None:
    followed = Followed()
    owners = [workload(name=name, replicas=1) for name in ("done", "next")]
    followed.take([(owner.kind, owner.name, owner.manifest) for owner in owners])
    turns = Turns([change(owners[1])], Limits(1), followed)
    assert [each.name for each in turns.next({owners[0].id}, set())] == ["next"]


def test_why_so_little_happens_is_said_once_and_only_of_nodes() -> None:
    followed = Followed()
    owners = [workload(name=name, replicas=1) for name in "abc"]
    for owner in owners:
        made = on("a", owner, 0)
        followed.take([(owner.kind, owner.name, owner.manifest), ("Pod", made.name, made.manifest)])

    def said(limits: Limits) -> list[str | None]:
        turns = Turns([change(owner) for owner in owners], limits, followed)
        begun = {each.workload or "" for each in turns.next((), ())}
        return [turns.held_back(begun), turns.held_back(begun)]

    first, again = said(Limits(9, 1))
    assert first == "Deployment/b and 1 more wait: at most 1 of a node's pods may be restarting at once"
    assert again is None
    assert said(Limits(1, 1)) == said(Limits(9, None)) == [None, None]


@pytest.mark.parametrize("handed_out", [True, False], ids=["begun here", "on its way already"])
def test_a_node_is_kept_until_its_pod_is_replaced_and_no_longer(handed_out: bool) -> None:
    """The agents' pod on node a goes, is gone, and is Ready again; the one on node b is still to be replaced."""
    agents, waits = workload("DaemonSet", "agents"), workload(name="waits", replicas=1)
    old = [on(node, agents, index) for index, node in enumerate("ab")]
    followed = Followed()
    for item in (agents, waits, *old, on("a", waits, 0)):
        kind = item.kind if isinstance(item, Workload) else "Pod"
        followed.take([(kind, item.manifest["metadata"]["name"], item.manifest)])
    changes = [change(agents), change(waits)] if handed_out else [change(waits)]
    turns = Turns(changes, Limits(9, 1), followed)
    assert [each.name for each in turns.next(() if handed_out else {agents.id}, ())] == ["agents"][
        :handed_out
    ]
    followed.take([("Pod", old[0].name, None)])
    assert turns.next({agents.id}, {agents.id}) == []
    new = on("a", agents, 2, uid="new")
    followed.take([("Pod", new.name, new.manifest)])
    assert [each.name for each in turns.next({agents.id}, {agents.id})] == ["waits"]
