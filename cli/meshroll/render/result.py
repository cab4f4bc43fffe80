"""A finished run as text: one cluster after the other, ending with what to type next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meshroll.render.certificates import print_certificates
from meshroll.render.changes import print_changes, print_plan
from meshroll.render.checks import print_checks
from meshroll.render.drills import print_comparison, print_drills
from meshroll.render.refresh import print_refreshed
from meshroll.render.releases import print_releases
from meshroll.render.runs import print_run, print_runs
from meshroll.render.settings import print_settings
from meshroll.render.signals import print_gates

FEW_CLUSTERS = 4
"""More than these are told in a line each; the ones that did not succeed, and --verbose, in full."""

STATUS_STYLES = {"success": "green", "paused": "yellow", "interrupted": "yellow", "drift": "yellow"}


def print_result(
    console: Console, result: Mapping[str, Any], verbose: bool, where: Mapping[str, str]
) -> None:
    """``where``: the options that have to be given again, by name ("-i" -> "inventories/prod")."""
    clusters: Sequence[Mapping[str, Any]] = result["data"].get("clusters", [])
    if "catalogue" in result["data"]:
        print_refreshed(console, result["data"]["catalogue"])
        return
    if "comparison" in result["data"]:
        print_comparison(console, result["data"]["comparison"], verbose)
        return
    if result["command"] == "releases":
        print_releases(console, clusters, verbose)
        return
    if result["command"] == "config":
        print_settings(console, clusters)
        return
    if len(clusters) > 1:
        _print_overview(console, clusters)
    for cluster in clusters:
        in_full = verbose or len(clusters) <= FEW_CLUSTERS or cluster["exit_code"] != 0
        if in_full and cluster.get("summary") is not None:
            _print_cluster(console, cluster, result["command"], verbose)
    nexts = {cluster["next"] for cluster in clusters if cluster.get("next")}
    for line in sorted(nexts):
        console.print()
        console.print(Text.assemble(("Next: ", "bold"), repeating(line, where)))


def repeating(line: str, where: Mapping[str, str]) -> str:
    """Each "meshroll COMMAND" with those options that this run was given and the line does not name."""
    options = "".join(f" {option} {value}" for option, value in where.items() if f" {option} " not in line)
    return re.sub(r"meshroll [a-z]+", lambda found: f"{found[0]}{options}", line)


def _print_overview(console: Console, clusters: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("Cluster", "Outcome", "Release", "Meshed pods"):
        table.add_column(column)
    for cluster in clusters:
        table.add_row(cluster["name"], _outcome(cluster), cluster.get("release") or "-", _meshed(cluster))
    console.print(table)


def _print_cluster(console: Console, cluster: Mapping[str, Any], command: str, verbose: bool) -> None:
    if command == "upgrade" and cluster["exit_code"] == 0 and not cluster["upgrade"]["hops"] and not verbose:
        # A job that asks every night whether it is time says so in a line.
        for note in cluster["plan"]["notes"]:
            console.print(Text(f"{cluster['name']}: {note}"))
        return
    console.print()
    head = Text(cluster["name"], style="bold")
    head.append("  ").append_text(_outcome(cluster))
    for fact in (cluster.get("release"), _kubernetes(cluster)):
        head.append(f"  {fact}" if fact else "", style="not bold")
    console.print(head)
    if command == "runs":
        if cluster.get("run"):
            print_run(console, cluster["run"], verbose)
        else:
            print_runs(console, cluster.get("runs", []))
        return
    if cluster.get("checks"):
        console.print()
        print_checks(console, cluster["checks"], verbose)
    if command not in ("plan", "drill"):
        for namespace in cluster.get("namespaces", []):
            _print_namespace(console, namespace)
    if cluster.get("certificates"):
        print_certificates(console, cluster["certificates"])
    plan = cluster.get("plan")
    if (
        plan
        and plan["steps"]
        and (command == "plan" or not cluster.get("changes"))
        and cluster["exit_code"] == 0
    ):
        console.print("\nPlan", style="bold")
        print_plan(console, plan)
    if cluster.get("gate"):
        console.print("\nGates", style="bold")
        print_gates(console, cluster["gate"], verbose)
    if cluster.get("drills"):
        console.print("\nDrills", style="bold")
        print_drills(console, cluster["drills"], verbose)
    if verbose and cluster.get("changes"):
        console.print("\nChanges", style="bold")
        print_changes(console, cluster["changes"], indent=2)
    if cluster.get("summary"):
        console.print()
    for line in cluster.get("summary", []):
        console.print(Text(line))


def _print_namespace(console: Console, namespace: Mapping[str, Any]) -> None:
    injection = namespace.get("injection")
    console.print(f"\n{namespace['name']}" + (f" (linkerd.io/inject: {injection})" if injection else ""))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("  Workload", "Meshed", "Release", "Sidecar"):
        table.add_column(column, no_wrap=True, justify="right" if column == "Meshed" else "left")
    for workload in namespace["workloads"]:
        meshed, pods = workload["meshed_pods"], workload["pods"]
        style = "green" if pods and meshed == pods else "yellow" if meshed else ""
        table.add_row(
            f"  {workload['workload']}",
            Text(f"{meshed}/{pods}", style=style),
            workload["release"] or "-",
            workload["sidecar"] or "-",
        )
    console.print(table)
    reasons: dict[str, list[str]] = {}
    for workload in namespace["workloads"]:
        if workload["reason"]:
            reasons.setdefault(workload["reason"], []).append(workload["workload"])
    if namespace.get("not_handled"):
        reasons["of a kind that meshroll does not handle"] = namespace["not_handled"]
    for reason, workloads in reasons.items():
        line = Table.grid(padding=(0, 1))
        line.add_row("-", Text.assemble(", ".join(workloads), (f": {reason}", "dim")))
        console.print(Padding(line, (0, 0, 0, 2)))


def _outcome(cluster: Mapping[str, Any]) -> Text:
    outcome = cluster["outcome"]
    return Text(outcome, style=STATUS_STYLES.get(outcome, "red"))


def _kubernetes(cluster: Mapping[str, Any]) -> str | None:
    version = cluster.get("kubernetes_version")
    return f"Kubernetes {version}" if version else None


def _meshed(cluster: Mapping[str, Any]) -> str:
    workloads = [workload for space in cluster.get("namespaces", []) for workload in space["workloads"]]
    return f"{sum(w['meshed_pods'] for w in workloads)}/{sum(w['pods'] for w in workloads)}"
