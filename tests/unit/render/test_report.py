"""The report as a page, as Markdown and as data: whole, safe, and the same each time."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import msgspec
import pytest
from unit.report.runs import APPLICATIONS, Run, good, large, rolled_back, run

from meshroll.core.errors import UsageError
from meshroll.core.gate.proxy_cost import MIB, ProxyCost
from meshroll.core.gate.verdict import Outcome
from meshroll.core.journal import Line
from meshroll.core.report.build import report_of
from meshroll.core.report.model import Line as Drawn
from meshroll.core.report.model import Plot, Point, Report, Span
from meshroll.render import report_words as words
from meshroll.render.report import report_in, written
from meshroll.render.report_html import html
from meshroll.render.report_markdown import ROWS_MAX, markdown
from meshroll.render.report_plots import svg

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> | {{ 7 * 7 }} `x`\n# [a](b)"
VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}
LOADS = ("src", "srcset", "href", "xlink:href", "data", "action", "poster")


class Page(HTMLParser):
    """Checks that elements are closed in their order; remembers elements, ids, and what a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in LOADS and not (value or "").startswith("#"):
                self.loaded.append(f"{tag} {name}={value}")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.text += data


def report(of: Run, **more: object) -> Report:
    record, recordings = of
    made = report_of(
        record, recordings, cluster="prod-eu", kubernetes_version="v1.33.4", meshroll_version="0.1.0"
    )
    return msgspec.structs.replace(made, **more)


@pytest.fixture(scope="module")
def page() -> str:
    return html(report(rolled_back()))


def unplotted(of: Run) -> Report:
    """Without its plots, for tests of the rest: drawing takes long."""
    made = report(of)
    return msgspec.structs.replace(
        made, workloads=tuple(msgspec.structs.replace(each, plots=()) for each in made.workloads)
    )


def hostile() -> Report:
    """A report with the string in everything that is text."""

    plain = json.loads(msgspec.json.encode(report(rolled_back())))
    for name in ("cluster", "holder", "headline", "reason", "undo_text", "kubernetes_version", "run_id"):
        plain[name] = HOSTILE
    for workload in plain["workloads"]:
        workload |= {"workload": HOSTILE, "reasons": [HOSTILE]}
        workload["load_after"]["pods"][0][0] = HOSTILE
    for gate in plain["gates"]:
        gate |= {"title": HOSTILE, "summary": HOSTILE, "hint": HOSTILE}
    for change in plain["changes"]:
        change |= {
            "object": HOSTILE,
            "field": HOSTILE,
            "before": HOSTILE,
            "after": {"x": HOSTILE},
            "why": HOSTILE,
        }
    return msgspec.convert({**plain, "notes": [HOSTILE], "undo": HOSTILE}, Report)


def test_the_page_is_whole_and_loads_nothing(page: str) -> None:
    found = Page(page)
    assert found.loaded == found.handlers == []
    assert not found.tags & {"script", "link", "iframe", "object", "embed", "img"}
    assert not re.search(r"https?:|@import|url\((?!#)", page)


def test_no_two_elements_of_the_page_have_one_id(page: str) -> None:
    ids = Page(page).ids
    assert len(ids) == len(set(ids)) > 0


def test_the_verdict_comes_first_and_each_outcome_is_said_in_words_and_sign(page: str) -> None:
    text = Page(page[page.index("<body>") : page.index("</body>") + 7]).text
    assert text.strip().startswith("✗ Rolled back")
    assert "✗ Failed" in text and "✓ Successful" in text


def test_a_plots_texts_are_texts(page: str) -> None:
    text = Page(page).text
    for wanted in ("2 ✗", "limit: at least 99 %", "minutes", "% of requests"):
        assert wanted in text, wanted


def test_the_same_plot_is_the_same_bytes() -> None:
    made = report(rolled_back())
    assert len({svg(made.workloads[0].plots[0], made.spans, "success") for _ in range(2)}) == 1


def test_text_from_outside_stays_text_on_the_page() -> None:
    found = Page(html(hostile()))
    assert found.loaded == found.handlers == []
    assert not found.tags & {"script", "img"}
    assert "<script>alert(1)</script>" in found.text
    assert "{{ 7 * 7 }}" in found.text and "49" not in re.findall(r"\b49\b", found.text)


def test_text_from_outside_stays_text_in_markdown() -> None:
    for line in markdown(hostile()).splitlines():
        assert not re.search(r"(?<!\\)<", re.sub(r"(?<!\\)`[^`]*`", "", line)), line
        assert not line.startswith("# ")
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            assert len(cells) in (4, 6, 8), line


def test_a_table_in_markdown_has_as_many_cells_as_heads() -> None:
    text = markdown(report(rolled_back()))
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1, block
    assert text.startswith("## ✗ Rolled back: charging")


def test_markdown_stays_within_a_comment() -> None:
    text = markdown(report(large(ROWS_MAX + 5)))
    assert "And 5 more." in text
    assert len(text) < 65_536


def test_other_instruments_before_are_marked_and_explained() -> None:
    other = unplotted(good(source=APPLICATIONS))
    for text in (Page(html(other)).text, markdown(other)):
        assert "no like-for-like baseline" in " ".join(text.split())
    assert "no like-for-like baseline" not in markdown(report(good()))


def test_the_cost_of_a_dial_is_called_a_typical_figure_and_shown_only_beside_numbers() -> None:
    text = " ".join(Page(html(unplotted(good()))).text.split())
    assert "about 77 ms" in text and "was not measured in this run" in text
    assert "77 ms" not in Page(html(report((run([], {}), [])))).text


def test_a_dry_run_that_failed_is_no_check_mark() -> None:
    lines = [Line("Wave 1", Outcome.FAILED, "Failed: too slow.", dry_run=True)]
    assert words.sign(report((run([], {}, verdicts=lines), [None]))) == "?"
    assert words.sign(report((run([], {}), []))) == "✓"


def test_the_price_of_the_proxies_is_summed_up_and_by_pod() -> None:
    made = unplotted(good())
    first, second = made.workloads
    priced = msgspec.structs.replace(
        made,
        workloads=(
            msgspec.structs.replace(first, proxies=ProxyCost(pods=2, cores=0.02, memory_bytes=40 * MIB)),
            msgspec.structs.replace(second, proxies=ProxyCost(pods=3, memory_bytes=20 * MIB)),
        ),
    )
    text = " ".join(Page(html(priced)).text.split())
    assert "The proxies of 5 pods used 0.02 cores and 60 MiB together" in text
    assert "0.004 cores and 12 MiB a pod" in text
    assert "Proxies: **0.02 cores, 60 MiB**" in markdown(priced)
    assert "What the proxies cost" not in html(made)


def test_an_object_that_was_changed_twice_says_both_whys_in_markdown() -> None:
    made = unplotted(good())
    (change, *_) = made.changes
    again = msgspec.structs.replace(change, step="Dial", why="dial over a held connection")
    text = markdown(msgspec.structs.replace(made, changes=(change, again)))
    assert "| its pods get a proxy, then dial over a held connection |" in text
    assert "1 object" in text


def test_more_gates_than_fit_keep_the_label_of_the_last() -> None:
    (plot, spans) = report(rolled_back()).workloads[0].plots[0], []
    for number in range(1, 41):
        spans.append(Span("gate", number * 10.0, number * 10.0 + 8, number, Outcome.SUCCESSFUL))
    labels = re.findall(r">(\d+) ✓<", svg(plot, spans, "success"))
    assert labels[0] == "40" and len(labels) <= 10


def test_nothing_but_zeros_is_a_flat_line_from_zero_to_one() -> None:
    plot = Plot(signal="requests_per_second", lines=(Drawn("served", (Point(0.0, 0.0), Point(60.0, 0.0))),))
    ticks = re.findall(r">([\d.]+)</text>", svg(plot, [], "requests"))
    assert "1.0" in ticks and max(map(len, ticks)) <= 4


def test_a_run_without_gates_has_a_page() -> None:
    text = Page(html(report((run([], {}), [])))).text
    assert "No gate judged this run." in text


def test_the_undo_command_repeats_where_the_run_was() -> None:
    text = written(unplotted(good()), "html", {"-i": "inventories/prod"})
    assert "meshroll rollback -i inventories/prod -n charging" in text


def test_json_is_the_model() -> None:
    made = report(good())
    assert msgspec.json.decode(written(made, "json", {}), type=Report) == made


def result(*reports: Report | None, exit_code: int = 0) -> dict[str, object]:
    clusters = [{"name": "a", **({"report": msgspec.to_builtins(each)} if each else {})} for each in reports]
    return {"exit_code": exit_code, "data": {"clusters": clusters}}


def test_the_one_cluster_that_remembers_the_run_gives_the_report() -> None:
    made = report(good())
    assert report_in(result(None, made), "2026") == made


@pytest.mark.parametrize("clusters", [(), (None, None)])
def test_a_run_that_no_cluster_remembers_is_refused(clusters: tuple[None, ...]) -> None:
    with pytest.raises(UsageError, match="No cluster remembers a run 2026"):
        report_in(result(*clusters), "2026")


def test_a_run_that_an_unread_cluster_may_remember_is_not_called_unknown() -> None:
    assert report_in(result(None, None, exit_code=6), "2026") is None


def test_the_beginning_of_several_ids_is_refused() -> None:
    made = report(good())
    with pytest.raises(UsageError, match="Several runs begin with 2026"):
        report_in(result(made, msgspec.structs.replace(made, cluster="prod-us")), "2026")


@pytest.mark.parametrize(
    ("signal", "of", "said"),
    [
        ("success_ratio", 0.9675, "96.75 %"),
        ("latency_p99_ms", 1234.0, "1234 ms"),
        ("requests_per_second", 4.25, "4.25/s"),
        ("outbound_requests_per_second", 1204.2, "1204/s"),
        ("busiest_pod_to_mean", 2.88, "2.88x"),
        ("proxy_cores", 120.0, "120"),
        ("latency_p99_ms", None, "n/a"),
    ],
)
def test_every_value_has_its_unit(signal: str, of: float | None, said: str) -> None:
    assert words.value(signal, of) == said
