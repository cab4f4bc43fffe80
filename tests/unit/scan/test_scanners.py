"""Every scanner finds what its example plants, says it in these words, and finds nothing in the one beside it."""

from __future__ import annotations

import pytest
from unit.scan.cluster import EXAMPLES, example

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.breaking_changes import BreakingChange
from meshroll.core.scan import SCANNERS, scan

CHANGES = {change.id: change for change in breaking_changes()}


def test_every_scanner_has_its_example() -> None:
    assert {file.stem for file in EXAMPLES.iterdir()} == set(SCANNERS)


@pytest.mark.parametrize("change", [CHANGES[each] for each in SCANNERS], ids=lambda change: change.id)
def test_it_finds_what_is_planted_and_says_it(change: BreakingChange) -> None:
    planted = example(change.id, "hit")
    (looked,) = scan([change], planted.facts(), []).looked
    found = [
        {
            "text": hit.message,
            **({"namespace": hit.namespace} if hit.namespace else {}),
            **({"object": hit.object} if hit.object else {}),
            **({"fix": hit.hint} if hit.hint != change.fix else {}),
        }
        for hit in looked.hits
    ]
    assert found == planted.says
    assert (looked.state, looked.unseen) == ("hit", None)
    assert all(hit.code == change.id and hit.hint for hit in looked.hits)


@pytest.mark.parametrize("change", [CHANGES[each] for each in SCANNERS], ids=lambda change: change.id)
def test_it_finds_nothing_where_nothing_is_hit(change: BreakingChange) -> None:
    (looked,) = scan([change], example(change.id, "clear").facts(), []).looked
    assert (looked.hits, looked.unseen, looked.state) == ((), None, "clear")
