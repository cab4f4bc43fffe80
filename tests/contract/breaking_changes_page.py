"""docs/reference/breaking-changes.md, made from the data: `make docs` writes it, a test compares it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core.breaking_changes import BreakingChange

HEAD = """# Breaking changes

<!-- Made by `make docs` from cli/meshroll/data/breaking_changes.yml. -->

What breaks between two releases of Linkerd, as far as meshroll knows, oldest first. `meshroll releases --for CLUSTER`
says which of them the hops of a cluster meet, and what in that cluster each of them hits.

What is **blocking** and hit refuses a hop (exit 3), all of it at once, unless the inventory accepts it by its id:

```yaml
meshroll_upgrade:
  accept:
    - id: transport-header
      reason: Calico's own policies let 4143 through, and were tried on staging.
```

An accepted one is told with its reason, one that no hop needs as well. A **warning** behaves differently, a **note** is
something to know; they refuse nothing, and can be accepted too.

Every namespace with proxies counts, whether or not the inventory names it. What the account may not read is said
("not seen"), and never taken for clear: [permissions](rbac.md) has what is read. Ports that clients dial are found in
commands, arguments, variables and ConfigMaps, so one that only a program's code has is not. Policies of other kinds
than NetworkPolicy (Cilium's, Calico's, security groups for pods) are counted and not understood.
"""


def page() -> str:
    return HEAD + "".join(f"\n{text}\n" for text in sections())


def sections() -> Iterator[str]:
    for change in sorted(breaking_changes(), key=lambda each: each.first):
        yield f"## {change.id}\n\n" + "\n".join(_lines(change))


def _lines(change: BreakingChange) -> Iterator[str]:
    since = f"From {change.edge} on" if change.edge else "At every upgrade"
    if change.until:
        since += f", until {change.until}"
    if change.only_before:
        since += f", for clusters that come from before {change.only_before}"
    yield f"{since}; {change.severity}, {change.area}. [Source]({change.source})\n"
    yield f"{change.text}\n"
    yield f"**Fix.** {change.fix}\n"
    if change.one_way:
        yield f"**Going back.** {change.one_way.strip()}\n"
    looked_for = f"No. {change.not_looked_for}" if change.not_looked_for else "Yes."
    yield f"**Looked for.** {looked_for}"


if __name__ == "__main__":
    sys.stdout.write(page())
