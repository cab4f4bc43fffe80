"""What a report says of a run whose gates watched made-up traffic."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from meshroll.core.gate.proxy_cost import ProxyCost
from meshroll.core.gate.verdict import Outcome
from meshroll.core.journal import Line, Record
from meshroll.core.report.build import PLOTTED_WORKLOADS, report_of
from meshroll.core.report.model import (
    ChangeRow,
    Figure,
    GateReport,
    Interval,
    Plot,
    Report,
    Row,
    Span,
    WorkloadReport,
)

from .runs import (
    APPLICATIONS,
    BLOCK,
    CALLER,
    RESTART,
    SERVER,
    SETTLE,
    Run,
    good,
    large,
    rolled_back,
    run,
    suffering,
    told_slow,
)


def report(of: Run, **more: object) -> Report:
    record, recordings = of
    return report_of(
        msgspec.structs.replace(record, **more),
        recordings,
        cluster="prod-eu",
        kubernetes_version="v1.33.4",
        meshroll_version="0.1.0",
    )


def workload(of: Report, name: str) -> WorkloadReport:
    return next(each for each in of.workloads if each.workload == name)


def row(of: Report, name: str, signal: str) -> Row:
    found = workload(of, name).row(signal)
    assert found, signal
    return found


def test_a_good_run_is_kept_and_says_how_to_undo_it() -> None:
    found = report(good())
    assert (found.verdict, found.good) == ("Kept", True)
    assert found.headline == "charging: the change is in place, both gates were Successful."
    assert found.undo == "meshroll rollback -n charging"
    assert [gate.outcome for gate in found.gates] == [Outcome.SUCCESSFUL] * 2


def test_a_run_that_was_rolled_back_says_why_first_and_has_nothing_to_undo() -> None:
    found = report(rolled_back())
    assert (found.verdict, found.good, found.undo) == ("Rolled back", False, None)
    assert found.headline == "charging: the change was taken back, because gate 2 of 2 was Failed."
    assert found.reason == f"{SERVER}: 3.3 % of 21600 requests failed, at most 1 % wanted."
    assert [each.workload for each in found.workloads] == [SERVER, CALLER], "what decided comes first"
    assert workload(found, SERVER).reasons[0] == "3.3 % of 21600 requests failed, at most 1 % wanted"


def test_who_answers_wrongly_is_the_reason_and_not_who_gets_such_answers() -> None:
    found = report(suffering())
    assert (
        found.reason == f"{SERVER}: 50 % of 7560 requests failed, at most 1 % wanted (1 more workload too)."
    )
    assert found.gates[0].summary.startswith(f"Failed: {SERVER}: ")


def test_a_gate_that_was_passed_is_not_why_a_run_ended() -> None:
    found = report(good(), state="rolled_back", reason="omni-1 never became ready.")
    assert found.headline == "charging: the change was taken back."
    assert found.reason == "omni-1 never became ready."


def test_a_share_that_misses_two_limits_is_said_once() -> None:
    found = workload(report(rolled_back()), SERVER)
    failed = [row.signal for row in found.rows if row.outcome == Outcome.FAILED]
    assert failed == [each.signal for each in found.rows[: len(failed)]], "the worst come first"
    assert {"success_ratio", "failed_ratio"} <= set(failed)
    assert len([reason for reason in found.reasons if "failed" in reason]) == 1


def test_the_figures_are_the_worst_of_all_that_was_judged() -> None:
    found = {figure.signal: figure for figure in report(rolled_back()).figures}
    assert found["success_ratio"].after == pytest.approx(0.967, abs=1e-3), "of the server, not of its caller"
    assert found["success_ratio"].before == pytest.approx(0.9999)
    assert found["success_ratio"].like_for_like is True
    assert report(good(source=APPLICATIONS)).figures[0].like_for_like is False
    assert report((run([], {}), [])).figures == ()


def test_a_dry_run_that_failed_is_the_reason_to_look_although_the_change_stays() -> None:
    lines = [
        Line("Wave 1", Outcome.FAILED, "Failed: too slow. Dry run: nothing is done about it.", dry_run=True)
    ]
    found = report((run([], {}, verdicts=lines), [None]))
    assert (found.verdict, found.good, found.gates[0].dry_run) == ("Kept", True, True)
    assert found.reason == "Wave 1: Failed: too slow. Dry run: nothing is done about it."
    after = report((run([], {}, verdicts=lines, state="rolled_back", reason="omni-1 never came."), [None]))
    assert (after.headline, after.reason) == ("charging: the change was taken back.", "omni-1 never came.")


def test_a_run_that_went_on_after_an_inconclusive_gate_does_not_say_that_all_succeeded() -> None:
    lines = [
        Line("Wave 1", Outcome.INCONCLUSIVE, "Inconclusive."),
        Line("Wave 1", Outcome.SUCCESSFUL, "Successful."),
    ]
    found = report((run([], {}, verdicts=lines), [None, None]))
    assert found.headline == "charging: the change is in place, 1 of 2 gates were Successful."


def test_an_interval_holds_the_value_that_it_is_of() -> None:
    found = report(rolled_back())
    for each in found.workloads:
        for one in each.rows:
            if one.interval and not one.interval.of:
                assert one.after is not None
                assert 0 <= one.interval.low <= one.after <= one.interval.high <= 1, one.signal


def test_the_interval_of_a_latency_says_which_share_it_is_of() -> None:
    interval = row(report(good()), SERVER, "latency_p99_ms").interval
    assert interval and interval.of == "requests took more than 1000 ms"


def test_before_by_another_instrument_is_no_like_for_like_baseline() -> None:
    assert row(report(good()), SERVER, "success_ratio").like_for_like is True
    other = report(good(source=APPLICATIONS))
    assert row(other, SERVER, "success_ratio").like_for_like is False
    assert row(other, SERVER, "busiest_pod_to_mean").like_for_like is True, "callers' proxies counted both"
    levels = {plot.signal: plot.before for plot in workload(other, SERVER).plots}
    assert levels["success_ratio"] is None, "it is not drawn beside what it cannot be compared with"


def test_load_by_pod_is_there_from_before_and_after() -> None:
    found = workload(report(good()), SERVER)
    assert found.load_before and found.load_after
    assert found.load_before.pods[0] == ("voltnet-omnicharge-points-0", 960.0)
    assert found.load_before.busiest_to_mean == pytest.approx(2.88)
    assert found.load_after.busiest_to_mean == pytest.approx(1.08)


def test_only_a_dozen_of_many_workloads_are_plotted_and_all_are_listed() -> None:
    found = report(large(40))
    assert len(found.workloads) == 40
    plotted = [each.workload for each in found.workloads if each.plots]
    assert plotted == [f"Deployment/service-{number:03}" for number in range(39, 39 - PLOTTED_WORKLOADS, -1)]


def test_a_share_that_a_workload_failed_by_is_plotted_where_no_other_plot_shows_it() -> None:
    def slow(number: int, name: str) -> dict[str, float]:
        return {"slow": 0.2} if name == SERVER and number >= 3 else {}

    found = report(rolled_back(slow))
    first = workload(found, SERVER).plots[0]
    assert first.signal == "slower_than_50_ms_ratio"
    assert first.lines[0].points[-1].value == pytest.approx(0.2)
    assert workload(report(rolled_back()), SERVER).plots[0].signal == "success_ratio"


def test_a_share_by_the_inventorys_own_queries_is_plotted_from_them() -> None:
    found = report(told_slow())
    (plot, *_) = workload(found, SERVER).plots
    assert plot.signal == "told_slower_than_50_ms_ratio"
    assert [line.name for line in plot.lines] == ["served, by application_queries"]
    assert plot.lines[0].points[-1].value == pytest.approx(0.2)
    assert row(found, SERVER, plot.signal).like_for_like is True


def test_a_look_that_ended_in_error_is_counted_once_with_the_one_after_it() -> None:
    record, recordings = good(unscraped=(3,))
    first = recordings[0]
    assert first and len(first.looks) == 8
    assert [block.window_seconds for block in first.blocks] == [BLOCK, BLOCK, 2 * BLOCK, *[BLOCK] * 4]
    (plot,) = [
        plot
        for plot in workload(report((record, recordings)), CALLER).plots
        if plot.signal == "requests_per_second"
    ]
    drawn = {point.at_seconds for point in plot.lines[0].points}
    assert RESTART + SETTLE + 3 * BLOCK not in drawn and RESTART + SETTLE + 4 * BLOCK in drawn


def test_a_gate_whose_measurements_are_gone_still_has_its_line() -> None:
    record, recordings = good()
    found = report((record, [None, recordings[1]]))
    assert [gate.measured for gate in found.gates] == [False, True]
    assert found.gates[0].summary == record.verdicts[0].summary
    assert found.notes == ("Of 1 of 2 gates only the verdict was kept, not what they measured.",)
    assert [span.gate for span in found.spans if span.kind == "gate"] == [2], "numbers are those of the table"


def test_what_the_run_went_on_with_is_told_with_the_reason() -> None:
    accepted = {
        "id": "transport-header",
        "text": "A policy.",
        "reason": "Tried.",
        "namespace": "charging",
        "object": None,
    }
    found = report(good(), asked={"accepted": [accepted]})
    assert found.notes == ("Accepted (transport-header): charging: A policy. Reason: Tried.",)


def test_a_run_without_gates_has_a_report_too() -> None:
    found = report((run([], {}), []))
    assert (found.verdict, found.gates, found.workloads, found.spans) == ("Done, not judged", (), (), ())


def test_an_upgrade_that_stayed_has_no_way_down() -> None:
    found = report(good(), command="upgrade")
    assert (found.verdict, found.undo) == ("Kept", None)


def test_a_run_that_changed_nothing_has_nothing_to_undo() -> None:
    found = report(good(), entries=[])
    assert (found.undo, found.undo_text) == (None, "The run changed nothing, so there is nothing to undo.")


@pytest.mark.parametrize(
    ("state", "verdict"), [("succeeded", "Uninstalled"), ("interrupted", "Not uninstalled")]
)
def test_the_report_of_an_uninstall_does_not_say_that_nothing_was_changed(state: str, verdict: str) -> None:
    found = report((run([], {}), []), command="uninstall", namespaces=[], entries=[], state=state)
    assert (found.verdict, found.undo) == (verdict, None)
    assert "installs Linkerd anew" in found.undo_text


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("paused", "Paused"),
        ("failed", "Failed"),
        ("interrupted", "Interrupted"),
        ("running", "Running"),
        ("rollback_incomplete", "Rollback incomplete"),
    ],
)
def test_no_other_end_of_a_rollout_is_called_kept(state: str, verdict: str) -> None:
    found = report(good(), state=state)
    assert (found.verdict, found.good) == (verdict, False)
    assert found.undo == "meshroll rollback -n charging"


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.ERROR])
def test_a_paused_run_names_the_gate_that_it_waits_at(outcome: Outcome) -> None:
    record = run(
        [], {}, state="paused", verdicts=[Line("Wave 1", outcome, f"{outcome}: too little traffic.")]
    )
    found = report((record, [None]))
    assert f"because gate 1 of 1 was {outcome}" in found.headline
    assert found.reason == "too little traffic."


def test_a_rollback_is_undone_by_a_rollout() -> None:
    record: Record = msgspec.structs.replace(good()[0], command="rollback", to="fallback", verdicts=[])
    found = report((record, []))
    assert (found.verdict, found.undo) == ("Rolled back", "meshroll rollout -n charging")
    assert found.good


def test_the_page_on_reports_names_every_key_of_the_json() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/report.md").read_text()
    for struct in (
        Report,
        Figure,
        GateReport,
        WorkloadReport,
        ProxyCost,
        Row,
        Interval,
        Plot,
        Span,
        ChangeRow,
    ):
        for key in struct.__struct_fields__:
            assert re.search(rf"`[^`]*\b{key}\b[^`]*`", page), f"{struct.__name__}.{key}"


def test_it_is_the_same_after_json() -> None:
    found = report(rolled_back())
    assert msgspec.convert(msgspec.to_builtins(found), Report) == found
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found
