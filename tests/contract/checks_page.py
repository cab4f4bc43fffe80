"""docs/reference/checks.md, made from the rows and their examples: `make docs` writes it, a test compares it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from unit.checks.test_rows import EXAMPLES

from meshroll.core.checks import ALL, Check

HEAD = """# Checks

<!-- Made by `make docs` from cli/meshroll/core/checks/ and the rows' examples in tests/unit/checks/examples/. -->

What `meshroll preflight` asks. One look reads the cluster, then each check says one of these:

| Result | Meaning |
|---|---|
| `pass` | What its title says holds |
| `block` | A rollout would fail or break something: both refuse (exit 3), with all reasons at once |
| `warn` | Works otherwise than you may expect; `rollout` says it and goes on |
| `note` | Something to know; only `preflight` tells it |
| `accepted` | Would block, and `--accept ID` or [meshroll_checks](inventory.md#meshroll_checks) says that it may |
| `skipped` | It could not be looked at, and why; never taken for passed |

What the account has to be allowed to read is in [permissions](rbac.md); a check whose part it may not read is skipped.
Before any of them, a cluster that does not answer is `api-unreachable`.
"""


def page() -> str:
    return HEAD + "".join(f"\n{text}\n" for text in sections())


def sections() -> Iterator[str]:
    says = {example.id: example.says for example in EXAMPLES}
    for row in ALL:
        yield f"## {row.id}\n\n" + "\n\n".join(_paragraphs(row, says.get(row.id, "")))


def _paragraphs(row: Check, says: str) -> Iterator[str]:
    kind = {"block": "Blocks", "warn": "Warns", "note": "Is noted"}[row.severity]
    accept = "; can be accepted" if row.acceptable else ""
    yield f"{kind} unless {row.title}{accept if row.severity == 'block' else ''}."
    yield f"> {says}"
    yield row.why
    yield f"**Fix.** {row.fix}"


if __name__ == "__main__":
    sys.stdout.write(page())
