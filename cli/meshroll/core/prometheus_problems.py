"""Why Prometheus could not be asked, or its answer not be used. docs/how-to/prometheus.md lists every code.

``where`` is the address without credentials. Nothing here repeats a secret or the body of an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshroll.core import aws
from meshroll.core.aws import Said
from meshroll.core.errors import Problem

REACH = "Check meshroll_prometheus (url, or service with namespace, name and port), and the way there."
# Prometheus scrapes every minute unless it is told otherwise, so two of those may pass before it is behind.
BEHIND_SECONDS = 120.0
# Prometheus looks back five minutes, so a target that is no longer scraped goes on answering with old values.
STALE_AFTER_SCRAPES = 3
# Clocks that NTP keeps differ by far less, and a gate settles for longer than this.
CLOCKS_APART_SECONDS = 15.0


def unreachable(where: str, why: str) -> Problem:
    return Problem("prometheus-unreachable", f"Prometheus at {where} does not answer: {why}", REACH)


def timed_out(where: str) -> Problem:
    return Problem(
        "prometheus-timeout",
        f"Prometheus at {where} did not answer in time.",
        "Is it overloaded, or does something on the way drop the connection? Its own page should answer at once.",
    )


def busy(where: str, why: str, asked_seconds: float) -> Problem:
    """``asked_seconds`` is what its Retry-After said, 0 where it said nothing."""
    pause = f" and asks to be left alone for {asked_seconds:.0f} s" if asked_seconds else ""
    return Problem(
        "prometheus-busy",
        f"Prometheus at {where} takes no more queries ({why}){pause}.",
        "Run the command again later, or raise its limits (query.max-concurrency, a tenant's query rate).",
    )


def unauthorized(where: str, why: str) -> Problem:
    return Problem(
        "prometheus-unauthorized",
        f"Prometheus at {where} refuses access ({why}).",
        "Set meshroll_prometheus.bearer_token_file or basic_auth; if it is set, is what the file holds of now, and "
        "may it query? Grafana Mimir and Cortex want meshroll_prometheus.tenant as well, Amazon Managed Prometheus "
        "wants meshroll_prometheus.sigv4.",
    )


def aws_unauthorized(where: str, said: Said) -> Problem:
    """Of a request that was signed: credentials that AWS does not take are told as everywhere."""
    if said.is_of_credentials:
        return aws.problem(said)
    return Problem(
        "prometheus-aws-denied",
        f"Amazon Managed Prometheus at {where} refuses access{said.whose}: {said.what or f'status {said.status}'}.",
        f"Who asks needs {said.asked} on the workspace (docs/how-to/prometheus.md has the policy). Does the URL end "
        "with /workspaces/ and the workspace's id, and is the workspace of this account, or of meshroll_prometheus."
        "sigv4.role_arn's?",
    )


def proxy_unauthorized(where: str, why: str) -> Problem:
    return Problem(
        "prometheus-unauthorized",
        f"The way to Prometheus at {where} is refused: {why}",
        "The account needs `get` on services/proxy (docs/reference/rbac.md). A Prometheus with a login of its own "
        "is reached by meshroll_prometheus.url only: the API server passes no credentials on.",
    )


def untrusted(where: str, why: str, ca_file: str | None) -> Problem:
    by = f"the authorities in {ca_file} (meshroll_prometheus.ca_file)" if ca_file else "this machine"
    return Problem(
        "prometheus-certificate",
        f"The certificate of Prometheus at {where} is not trusted by {by}: {why}.",
        "Name the certificate of the authority that has signed it in meshroll_prometheus.ca_file (PEM), and use the "
        "host's name as the certificate has it. Certificates are always verified.",
    )


def bad_file(setting: str, path: str, why: str) -> Problem:
    return Problem(
        "prometheus-file",
        f"meshroll_prometheus.{setting}: {path}: {why}.",
        "The file has to be there, where meshroll runs, and readable for who runs it.",
    )


def half_an_answer(where: str) -> Problem:
    return Problem(
        "prometheus-half-answer",
        f"The answer of Prometheus at {where} ends in the middle.",
        "Run the command again; if it stays so, a proxy on the way cuts answers off (size or time limit).",
    )


def other_api(where: str, why: str = "") -> Problem:
    of = f" ({why})" if why else ""
    return Problem(
        "prometheus-other-api",
        f"What answers at {where} is not Prometheus' query API{of}.",
        "Is a part of the path missing in meshroll_prometheus.url (/prometheus with Mimir, /select/0/prometheus with "
        "VictoriaMetrics), or does a login page answer (then set bearer_token_file or basic_auth)?",
    )


def rejected(where: str, why: str, promql: str = "") -> Problem:
    of = f" the query {promql}" if promql else ""
    return Problem(
        "prometheus-query-failed",
        f"Prometheus at {where} refused{of}: {why}",
        "If it is one of meshroll_gate.application_queries, correct it; else see Prometheus' log "
        "and limits (query.timeout, query.max-samples).",
    )


def partial(where: str, warnings: Sequence[str]) -> Problem | None:
    """None where nothing is missing: remarks about the query itself are no warnings.

    Prometheus before 3 and Thanos (thanos-io/thanos#7597) put both into one list.
    """
    real = [warning for warning in warnings if not warning.startswith("PromQL info")]
    if not real:
        return None
    return Problem(
        "prometheus-partial",
        f"Prometheus at {where} says that its answer may be incomplete: {real[0]}",
        "Repair what the warning names (a store or shard that is down, say); half of the data is judged as none.",
    )


def freshness(where: str, age_seconds: float | None, scrape_interval_seconds: float) -> Problem | None:
    """``age_seconds`` of its newest scrape by its own clock, negative for the future; None where it has none."""
    if age_seconds is None:
        return Problem(
            "prometheus-empty",
            f"Prometheus at {where} answers, but has had no scrape of anything for minutes.",
            "Is it the right one, does it scrape (its page /targets shows what it knows), and where it is fed by "
            "agents or sidecars, do they still send?",
        )
    limit_seconds = max(BEHIND_SECONDS, STALE_AFTER_SCRAPES * scrape_interval_seconds)
    if age_seconds > limit_seconds:
        return Problem(
            "prometheus-stale",
            f"The newest that Prometheus at {where} knows of anything is {age_seconds:.0f} s old.",
            "Do its agents still send (remote write), do its sidecars answer, and do all their clocks agree?",
        )
    if age_seconds < -CLOCKS_APART_SECONDS:
        return Problem(
            "prometheus-clock",
            f"Prometheus at {where} has scrapes of {-age_seconds:.0f} s in its future: clocks differ, and a gate "
            "would look at what was before its wave.",
            "Set the clock of whoever scrapes (Prometheus, or an agent that writes to it) and of whoever answers.",
        )
    return None
