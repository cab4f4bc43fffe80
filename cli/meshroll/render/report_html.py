"""The report as one HTML file that loads nothing: its plots are in it, and everything else is escaped."""

from __future__ import annotations

from importlib.resources import files

from meshroll.core.gate.verdict import Outcome
from meshroll.core.report.model import Plot, Report, Row, WorkloadReport
from meshroll.render import changes, report_cost, report_plots, report_words

TONES = {
    Outcome.SUCCESSFUL: "good",
    Outcome.FAILED: "bad",
    Outcome.INCONCLUSIVE: "wait",
    Outcome.ERROR: "wait",
}
SAID_OF_MASKS = {
    "restarting": "change and restarts: not judged",
    "settling": "settling: not judged",
    "not measured": "could not be measured",
}


def html(report: Report) -> str:
    """The page. Draws up to a dozen workloads, which takes a few seconds."""
    import jinja2
    from markupsafe import Markup, escape

    def svg(workload: WorkloadReport, plot: Plot) -> str:
        return report_plots.svg(plot, report.spans, f"{workload.workload}: {report_plots.caption(plot)}")

    def breaking(name: str) -> Markup:
        """``Deployment/omni``, which a narrow column may break after the kind."""
        return escape(name).replace("/", Markup("/<wbr>"))

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(files("meshroll.data").joinpath("report.html.j2").read_text("utf-8"))
    kinds = {span.kind for span in report.spans}
    return template.render(
        report=report,
        words=report_words,
        breaking=breaking,
        plots=report_plots,
        plotted=[workload for workload in report.workloads if workload.plots],
        tone=report_words.tone(report),
        masks={mask: text for mask, text in SAID_OF_MASKS.items() if mask in kinds},
        tone_of=lambda outcome: TONES.get(outcome, ""),
        field_value=changes.value,
        latencies=latencies(report),
        cost=report_cost,
        objects=len({row.object for row in report.changes}),
        sources=sorted({row.source for each in report.workloads for row in each.rows if row.source}),
        svg=svg,
    )


def latencies(report: Report) -> list[tuple[WorkloadReport, Row]]:
    """Callers whose median is known before and after."""
    found = []
    for workload in report.workloads:
        row = workload.row("outbound_latency_p50_ms")
        if row and row.before is not None and row.after is not None:
            found.append((workload, row))
    return found
