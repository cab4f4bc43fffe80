"""How often the gate is right: false alarms, faults found, who is named.

    .venv/bin/python benchmarks/gate_accuracy.py [--runs 1000] [--part shares] [--seed 7] [--family judging|tuning]

Without ``--part`` all are made: shares, pods, clients, doubts.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor

import click
import doubts
import pinned_clients
import pod_accuracy
import share_accuracy

PARTS = {"shares": share_accuracy, "pods": pod_accuracy, "clients": pinned_clients, "doubts": doubts}


@click.command()
@click.option("--runs", default=1000)
@click.option("--seed", default=7)
@click.option("--family", type=click.Choice(["judging", "tuning"]), default="judging")
@click.option("--part", "parts", type=click.Choice(list(PARTS)), multiple=True, default=list(PARTS))
@click.option("--jobs", default=os.cpu_count(), help="Rows that are measured at a time.")
def main(runs: int, seed: int, family: str, parts: tuple[str, ...], jobs: int) -> None:
    """Print the tables."""
    click.echo(f"{runs} runs a cell at least, {family} family, seed {seed}")
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [
            (
                part,
                [
                    pool.submit(row.line, (seed, list(PARTS).index(part), number), family == "tuning")
                    for number, row in enumerate(PARTS[part].rows(runs))
                ],
            )
            for part in parts
        ]
        for part, lines in waiting:
            head = PARTS[part].HEAD
            click.echo(f"\n{head}\n{'|---' * (head.count('|') - 1)}|")
            for line in lines:
                click.echo(line.result())


if __name__ == "__main__":
    main()
