"""What is kept up change by change is what would be seen by looking at everything anew."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshroll.core.followed import Followed

KINDS = ("Deployment", "StatefulSet", "Pod", "Event")
OWNERS = ("Deployment/a", "Deployment/b", "StatefulSet/c")


def item(kind: str, name: str, owner: str, version: int) -> dict[str, Any]:
    of, owners_name = owner.split("/")
    metadata: dict[str, Any] = {"name": name, "uid": name, "resourceVersion": str(version)}
    if kind == "Pod":
        if of == "Deployment":
            metadata["labels"] = {"pod-template-hash": "h"}
            metadata["ownerReferences"] = [
                {"kind": "ReplicaSet", "name": f"{owners_name}-h", "controller": True}
            ]
        else:
            metadata["ownerReferences"] = [{"kind": of, "name": owners_name, "controller": True}]
    if kind == "Event":
        told = (
            {"kind": "ReplicaSet", "name": f"{owners_name}-h"}
            if of == "Deployment"
            else {"kind": of, "name": owners_name}
        )
        return {"kind": kind, "metadata": metadata, "involvedObject": told}
    return {"kind": kind, "metadata": metadata}


CHANGES = st.lists(
    st.builds(
        lambda kind, name, owner, version, gone: (
            kind,
            name,
            None if gone else item(kind, name, owner, version),
        ),
        st.sampled_from(KINDS),
        st.sampled_from("abc"),
        st.sampled_from(OWNERS),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=30,
)


def seen(followed: Followed) -> dict[str, Any]:
    return {
        "workloads": {name: each.manifest for name, each in followed.workloads.items()},
        **{
            owner: (
                sorted(str(pod.manifest) for pod in followed.pods_of(owner)),
                sorted(map(str, followed.events_of(owner))),
            )
            for owner in OWNERS
        },
    }


@given(st.lists(CHANGES, max_size=4))
def test_however_changes_come_together_the_last_state_of_each_object_is_kept(
    batches: list[list[Any]],
) -> None:
    followed, last = Followed(), dict[tuple[str, str], Any]()
    for batch in batches:
        followed.take(batch)
        last |= {(kind, name): now for kind, name, now in batch}
    anew = Followed()
    anew.take((kind, name, now) for (kind, name), now in last.items() if now is not None)
    assert seen(followed) == seen(anew)


def test_what_is_touched_is_the_workload_that_a_change_is_about() -> None:
    followed = Followed()
    assert followed.take([("Deployment", "a", item("Deployment", "a", OWNERS[0], 1))]) == {"Deployment/a"}
    assert followed.take([("Pod", "p", item("Pod", "p", OWNERS[1], 1))]) == {"Deployment/b"}
    assert followed.take([("Event", "e", item("Event", "e", OWNERS[0], 1))]) == {"Deployment/a"}
    assert followed.take([("Pod", "p", None)]) == {"Deployment/b"}
    assert followed.take([("StatefulSet", "c", None)]) == {"StatefulSet/c"}
    assert followed.take([]) == set()
