"""Releases for people: the one that is picked, why not the newer ones, and the hops to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

MARKS = {"recommended": "green", "not_recommended": "red"}
CHANNELS = {
    "recommended": "the newest that a source recommends",
    "milestone": "the newest milestone",
    "newest": "the newest that is not withdrawn",
}
SEVERITIES = {"blocking": "red", "warning": "yellow", "note": "dim"}
HITS_SHOWN = 5


def print_releases(console: Console, clusters: Sequence[Mapping[str, Any]], everything: bool) -> None:
    """One answer after the other; clusters of which the same is to be said share one."""
    told = [cluster for cluster in clusters if cluster.get("releases")]
    answers: list[tuple[Mapping[str, Any], list[str]]] = []
    for cluster in told:
        same = next((names for answer, names in answers if answer == cluster["releases"]), None)
        if same is None:
            answers.append((cluster["releases"], [cluster["name"]]))
        else:
            same.append(cluster["name"])
    for answer, names in answers:
        console.print()
        console.print(Text(", ".join(names), style="bold"))
        _print_answer(console, answer, everything)


def _print_answer(console: Console, answer: Mapping[str, Any], everything: bool) -> None:
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(answer):
        facts.add_row(Text(f"  {name}", style="dim"), value)
    console.print(facts)
    console.print()
    console.print(_table(answer, everything))
    if answer["hops"] or answer["hops_refused"]:
        console.print(f"\nHops from {answer['installed']}", style="bold")
    for number, hop in enumerate(answer["hops"], 1):
        _print_hop(console, number, hop, everything)
    for note in answer["notes"]:
        console.print(Padding(Text(note, style="yellow"), (0, 0, 0, 2)))
    if answer["hops_refused"]:
        problem = answer["hops_refused"]
        console.print(Padding(Text(problem["message"], style="yellow"), (0, 0, 0, 2)))
        console.print(Padding(Text(problem["hint"], style="dim"), (0, 0, 0, 2)))
    if answer["catalogue_age_days"]:
        console.print(
            f"\nThe catalogue's marks were read on {answer['catalogue_as_of']}, {answer['catalogue_age_days']} days "
            "before that day; newer releases and marks are not in it. `meshroll releases refresh` renews a catalogue."
        )


def _facts(answer: Mapping[str, Any]) -> list[tuple[str, Text]]:
    picked = next((row for row in answer["releases"] if row["picked"]), None)
    policy = answer["policy"]
    said = [CHANNELS.get(policy["channel"], f"pinned to {policy['channel']}")]
    said += [f"at least {days} days old" for days in [policy.get("minimum_age_days")] if days]
    low, high = policy.get("kubernetes_min"), policy.get("kubernetes_max")
    said += [f"for Kubernetes {' to '.join(end for end in (low, high) if end)} too"] if low or high else []
    said += [f"without {', '.join(policy['deny'])}"] if policy.get("deny") else []
    facts = [("picked", _picked(picked) if picked else Text("none", style="red"))]
    facts.append(("policy", Text(f"{', '.join(said)}, as of {answer['as_of']}")))
    if answer["kubernetes_version"]:
        facts.append(("Kubernetes", Text(answer["kubernetes_version"])))
        facts.append(("Gateway API", Text(answer["gateway_api_version"] or "none")))
        facts.append(("installed", Text(answer["installed"] or "none")))
    return facts


def _picked(row: Mapping[str, Any]) -> Text:
    text = Text(row["release"], style="bold green")
    parts = [
        f"Linkerd {row['milestone']}" if row["milestone"] else None,
        f"of {row['date']}" if row["date"] else None,
    ]
    rest = ", ".join(part for part in parts if part)
    text.append(f" ({rest})" if rest else "", style="not bold")
    text.append(f"  {row['source']}" if row["source"] else "", style="not bold dim")
    return text


def _table(answer: Mapping[str, Any], everything: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("  Release", "Date", "Kubernetes", "Mark"):
        table.add_column(column, no_wrap=True)
    table.add_column("Why not")
    rows = answer["releases"] if everything else _newer(answer["releases"])
    for _, group in groupby(rows, key=lambda row: id(row) if everything else _alike(row)):
        same = list(group)
        first = same[0]
        table.add_row(
            f"  {_name(same)}",
            _date(same),
            _range(first) if len({_range(row) for row in same}) == 1 else "",
            Text(first["mark"].replace("_", " "), style=MARKS.get(first["mark"], "")),
            _why(first, answer["as_of"] if len(same) > 1 else None),
        )
    return table


def _name(same: Sequence[Mapping[str, Any]]) -> str:
    newest, oldest = same[0]["release"], same[-1]["release"]
    return f"{oldest} to {newest.removeprefix('edge-')} ({len(same)})" if len(same) > 1 else str(newest)


def _date(same: Sequence[Mapping[str, Any]]) -> str:
    dates = sorted(row["date"] for row in same if row["date"])
    return f"from {dates[0]}" if len(same) > 1 and dates else str(same[0]["date"] or "-")


def _why(row: Mapping[str, Any], later_than: str | None) -> Text:
    """``later_than``: the line stands for several releases, which came on different days after that one."""
    said = Text(row["why_not"] or "")
    if later_than and _is_later(row):
        said = Text(f"released after {later_than}")
    if row["picked"]:
        said = Text("picked", style="green")
    if row["installed"]:
        said.append(", installed" if said.plain else "installed", style="bold")
    return said


def _is_later(row: Mapping[str, Any]) -> bool:
    return str(row["why_not"] or "").startswith("released ")


def _newer(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The picked one, the installed one and all that are newer than both; all, where neither is there."""
    last = max(
        (index for index, row in enumerate(rows) if row["picked"] or row["installed"]), default=len(rows)
    )
    return list(rows[: last + 1])


def _alike(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Neighbours of which the same is to be said stand in one line."""
    return None if _is_later(row) else row["why_not"], row["mark"], row["picked"], row["installed"]


def _range(row: Mapping[str, Any]) -> str:
    low, high = row["kubernetes_min"], row["kubernetes_max"]
    return f"{low or '?'} to {high or '?'}" if low or high else "-"


def _print_hop(console: Console, number: int, hop: Mapping[str, Any], everything: bool) -> None:
    reached = f" (Linkerd {hop['milestone']})" if hop["milestone"] else ""
    console.print(Text.assemble(f"{number:>3}. ", (hop["to"], "bold"), reached))
    lines = Table.grid(padding=(0, 2, 0, 0))
    for need in hop["needs"]:
        text = Text(f"{need['what']} {need['after']}")
        if need["here"]:
            text.append(f"; the cluster has {need['here']}")
        if need["met"] is False:
            text.append(", which is outside", style="red")
        lines.add_row(Text("needs", style="dim"), text)
    told = [change for change in hop["breaking_changes"] if everything or _matters(change)]
    for change in told:
        _add_change(lines, change, everything)
    for door in hop["one_way_doors"]:
        lines.add_row(Text("one way", style="yellow"), Text(door))
    for step in hop["extensions"]:
        text = Text(f"{step['text']} ")
        text.append(step["command"] or "", style="bold")
        lines.add_row(Text(step["when"], style="dim"), text)
    if hop["refused"]:
        refused = "What is blocking here refuses this hop, unless meshroll_upgrade.accept has its id."
        lines.add_row("", Text(refused, style="red"))
    if more := len(hop["breaking_changes"]) - len(told):
        text = f"and {more} breaking {'change' if more == 1 else 'changes'} without a hit here, see --all"
        lines.add_row("", Text(text, style="dim"))
    console.print(Padding(lines, (0, 0, 0, 5)))


def _matters(change: Mapping[str, Any]) -> bool:
    """What hits something; and, but for notes, of what nobody knows whether it does."""
    return bool(change["hits"]) or (change["state"] != "clear" and change["severity"] != "note")


def _add_change(lines: Table, change: Mapping[str, Any], everything: bool) -> None:
    """What it is about, then what it hits, each with its fix; a fix that all of them share stands first."""
    hits, clear = change["hits"], change["state"] in ("clear", "accepted")
    text = Text.assemble((f"{change['id']}: ", "bold"), f"{change['text']} ", style="dim" if clear else "")
    if not hits or any(hit["hint"] == change["fix"] for hit in hits):
        text.append(change["fix"], style="dim")
    lines.add_row(Text(change["severity"], style="dim" if clear else SEVERITIES[change["severity"]]), text)
    for hit in hits if everything else hits[:HITS_SHOWN]:
        where = f"{hit['namespace']}: " if hit["namespace"] else ""
        own_fix = hit["hint"] if hit["hint"] != change["fix"] else ""
        lines.add_row("", Text.assemble(f"- {where}{hit['message']} ", (own_fix, "dim")))
    if len(hits) > HITS_SHOWN and not everything:
        lines.add_row("", Text(f"- and {len(hits) - HITS_SHOWN} more, see --all", style="dim"))
    unseen = "Not looked for" if change["state"] == "not_looked_for" else "Not seen"
    for begun, said in (("Accepted", change["accepted"]), (unseen, change["unseen"])):
        if said:
            lines.add_row("", Text(f"{begun}: {said}", style="dim"))
