"""What Linkerd's own lists say of its releases: the Helm repository's index, the milestones, the release notes.

Each function gives releases of which only that is filled in which the source says. All raise ValueError where it is
not such a list.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from meshroll.core.chart_values import CONTROL_PLANE_CHART, CRDS_CHART
from meshroll.core.releases import EDGE_PATTERN, ChartName, Edge, EdgeName, Release, edges_of

NOTES = "release-notes"
MILESTONES = "milestones"
REASON_CHARACTERS = 200

_EDGE = re.compile(rf"{EDGE_PATTERN}(?!\d)")
_HEADING = re.compile(r"^(#+)\s+(.*)$", re.MULTILINE)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KUBERNETES = re.compile(r">=\s*v?1\.(\d{2})\b")
# Of what: "running as root is not recommended" and "upgrading from edge-25.3.1 is not recommended" are no marks.
_WITHDRAWN = re.compile(r"\bnot recommended\b", re.IGNORECASE)
_NAMED = re.compile(
    rf"(?<!from )(?<!to )(?<!with )(?<!than )({EDGE_PATTERN}) (?:is|was)(?: now| therefore)? not recommended\b",
    re.IGNORECASE,
)
_OWN = re.compile(r"\bthis (?:edge )?release\b", re.IGNORECASE)
# With nothing after it that takes a part of it back.
_ADVISED = re.compile(
    r"^this (?:edge )?release is (?:now )?recommended(?: for (?:all users|everyone|general use))?"
    r"(?:[.!]|, (?!but|except|unless|though|only|if))",
    re.IGNORECASE,
)


class _Chart(msgspec.Struct, frozen=True):
    version: str
    kubeVersion: str = ""  # noqa: N815 - Helm's name
    digest: str = ""
    created: Any = None


class _Index(msgspec.Struct, frozen=True):
    entries: dict[str, list[_Chart]]


class _Milestone(msgspec.Struct, frozen=True):
    version: str
    edge: EdgeName
    releaseDate: str  # noqa: N815 - the file's name


class _Notes(msgspec.Struct, frozen=True):
    tag_name: str
    body: str | None = None
    published_at: str | None = None
    draft: bool = False


def of_index(data: Any) -> list[Release]:
    """From a Helm repository's parsed index.yaml: that a release is there, its day, the Kubernetes it demands, and the
    digests of its charts.

    A mirror that indexed its charts anew has that day in ``created``; a day that cannot be is left out.
    """
    found = []
    entries = msgspec.convert(data, _Index).entries
    for row in entries.get(CONTROL_PLANE_CHART, []):
        wanted = _KUBERNETES.search(row.kubeVersion)
        found += [
            Release(
                edge=str(edge),
                date=_likely(edge, str(row.created)),
                kubernetes_min=f"1.{wanted[1]}" if wanted else None,
                charts=_digests(entries, row.version),
            )
            for edge in edges_of([row.version])
        ]
    if not found:
        raise ValueError(f"it has no edge release of {CONTROL_PLANE_CHART}")
    return found


def _digests(entries: dict[str, list[_Chart]], version: str) -> dict[ChartName, str] | None:
    names: tuple[ChartName, ...] = (CRDS_CHART, CONTROL_PLANE_CHART)
    found: dict[ChartName, str] = {
        name: f"sha256:{digest}"
        for name in names
        for row in entries.get(name, [])
        if row.version == version and _DIGEST.fullmatch(digest := row.digest.removeprefix("sha256:"))
    }
    return found or None


def of_milestones(data: Any) -> list[Release]:
    """From the parsed list of Linkerd's website: version, edge and releaseDate ("June 23, 2026") of each milestone."""
    return [
        Release(
            edge=row.edge,
            milestone=row.version,
            mark="recommended",
            reason=f"Milestone {row.version}.",
            source=MILESTONES,
            marked_on=_date(row.releaseDate),
        )
        for row in msgspec.convert(data, list[_Milestone])
    ]


def _date(text: str) -> datetime.date:
    return datetime.datetime.strptime(f"{text} +0000", "%B %d, %Y %z").date()


def of_notes(text: str, day: datetime.date) -> list[Release]:
    """From release notes: JSON as GitHub's API gives it, or text in which a heading names each release.

    What is said there was written at some time up to ``day``, so that is the day from which it counts.
    """
    if text.lstrip()[:1] in ("[", "{"):
        data = msgspec.json.decode(text)
        rows = msgspec.convert(data if isinstance(data, list) else [data], list[_Notes])
        notes = [(row.tag_name, row.body or "", row.published_at) for row in rows if not row.draft]
    else:
        notes = [(name, body, None) for name, body in _sections(text)]
    found = []
    for name, body, published in notes:
        if _EDGE.fullmatch(name):
            edge = Edge.parse(name)
            found += [Release(edge=name, date=_likely(edge, published or "")), *_marks(edge, body, day)]
    if not found:
        raise ValueError("it names no edge release")
    return found


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """The release that a heading names, and what is below it up to a heading of its level or above."""
    heads = list(_HEADING.finditer(text))
    for index, head in enumerate(heads):
        named = _EDGE.search(head[2])
        if named:
            ends = (later.start() for later in heads[index + 1 :] if len(later[1]) <= len(head[1]))
            yield named[0], text[head.end() : next(ends, len(text))]


def _marks(edge: Edge, body: str, day: datetime.date) -> Iterator[Release]:
    sentences = _sentences(body)
    for index, sentence in enumerate(sentences):
        withdrawn = _WITHDRAWN.search(sentence)
        if withdrawn:
            before, named = sentence[: withdrawn.start()], _NAMED.search(sentence)
            if not (named or _OWN.search(sentence) or not re.search(r"\w", before)):
                continue
            about = Edge.parse(named[1]) if named else edge
            following = " ".join([sentence[withdrawn.end() :], *sentences[index + 1 : index + 2]])
            instead = [each[0] for each in _EDGE.finditer(following) if Edge.parse(each[0]) > about]
            yield Release(
                edge=str(about),
                mark="not_recommended",
                reason=_shortened(sentence),
                replacement=instead[0] if instead else None,
                source=NOTES,
                marked_on=day,
            )
        elif _ADVISED.search(sentence):
            yield Release(
                edge=str(edge),
                mark="recommended",
                reason=_shortened(sentence),
                source=NOTES,
                marked_on=day,
            )


def _sentences(markdown: str) -> list[str]:
    """Without Markdown's signs. A blank line, a heading or an item of a list ends a sentence too."""
    text = markdown.replace("\r\n", "\n")
    text = re.sub(r"^#+ (.*)$|^\s*[-+*] (.*)$", r"\n\1\2\n", text, flags=re.MULTILINE)
    parts: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        plain = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])?", r"\1", paragraph)
        plain = re.sub(r"[*`]|(?<!\w)_|_(?!\w)", "", plain)
        parts += re.split(r"(?<=[.!?])\s+", " ".join(plain.split()))
    return [part for part in parts if part]


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= REASON_CHARACTERS else f"{sentence[: REASON_CHARACTERS - 3]}..."


def _likely(edge: Edge, day: str) -> datetime.date | None:
    """The day, where it is about the month that the release is named after."""
    try:
        date = datetime.date.fromisoformat(day[:10])
    except ValueError:
        return None
    first = datetime.date(2000 + edge.year, edge.month, 1)
    return date if -7 <= (date - first).days <= 45 else None
