"""What `matcher diff` says of a difference: the document, the table, and the page for people."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from matcher.comparison import (
    Assignment,
    Change,
    ClauseChange,
    ClauseText,
    Difference,
    Flow,
    Status,
    SurveyDifference,
)
from matcher.comparison.result import MappingChange
from matcher.concentration import Concentration
from matcher.reports.diff import page, table
from matcher.reports.diff.document import difference_json
from matcher.reports.diff.flow_chart import (
    LABEL,
    OTHERS,
    Node,
    draw,
)
from matcher.reports.diff.overview import (
    Effect,
    concentration_line,
    effect,
    percent,
)
from matcher.reports.diff.page import difference_html
from matcher.reports.diff.table import print_difference
from matcher.surveys import Verdict
from profiles.errors import InputError
from tests.support import differences
from tests.support.corpus import ROOT
from tests.support.differences import (
    HASH,
    MAYBE,
    OUT,
    SCRIPT,
    difference,
    flow,
    quota,
    survey,
)

VOID = {"meta", "link", "br"}
TEMPLATES = Path(page.__file__).parent / "templates"
EXAMPLES = {
    "nothing": differences.nothing(),
    "ordinary": differences.ordinary(),
    "strange": differences.strange(),
    "large": differences.large(120),
}
MARKUP = "<!--]]></style></title>\"'><u onload=x>&amp;{{ 7*7 }}{% x %}"

# --- differences of any kind

texts = st.text(max_size=12) | st.sampled_from((MARKUP, SCRIPT, "\ud800", "", "\u202e", HASH * 40))
paths = st.tuples() | st.tuples(texts) | st.tuples(texts, texts)
standings = paths | st.sampled_from((OUT, MAYBE))
sizes = st.integers(0, 3) | st.integers(0, 10**12)


@st.composite
def flows(draw_from: st.DrawFn) -> list[Flow]:
    def is_same(before: Assignment, after: Assignment) -> bool:
        named = not isinstance(before, Verdict) and not isinstance(after, Verdict)
        return named and draw_from(st.booleans())

    ends = draw_from(st.lists(st.tuples(standings, standings), max_size=30, unique=True))
    return [
        Flow(before, after, draw_from(sizes), same=before == after or is_same(before, after))
        for before, after in ends
        if (before, after) != (OUT, OUT)
    ]


said = st.none() | st.builds(ClauseText, texts, texts)
numbers = st.floats(allow_nan=False)
values = texts | st.none() | st.tuples(numbers, numbers)
found_in = st.dictionaries(
    st.sampled_from(Change),
    st.lists(
        st.builds(
            Concentration, texts, st.lists(values, min_size=1, max_size=3).map(tuple), *[sizes] * 4
        ),
        max_size=2,
    ).map(tuple),
)
surveys = st.builds(
    survey,
    texts,
    flows(),
    st.lists(st.builds(quota, paths, flows(), st.none() | sizes, sizes), max_size=4),
    before=st.sampled_from(Status),
    after=st.sampled_from(Status),
    clauses=st.lists(st.builds(ClauseChange, texts, st.none() | paths, said, said), max_size=4),
    renamed=st.lists(st.tuples(paths, paths), max_size=2),
    concentrations=found_in,
)
anything = st.builds(
    difference,
    st.lists(surveys, max_size=4),
    unchanged=sizes,
    concentrations=found_in,
    mapping=st.lists(
        st.builds(MappingChange, texts, st.none() | texts, st.none() | texts), max_size=3
    ).map(tuple),
)


def page_of(found: Difference) -> str:
    return difference_html(found, before="monday.json", after="tuesday.json")


# --- the document


@given(found=anything)
@example(found=differences.ordinary())
@settings(max_examples=30)
def test_the_document_says_everything(found: Difference) -> None:
    said = json.loads(difference_json(found))  # half a surrogate pair is no error for it
    assert set(said) == {
        *("as_of", "members", "given", "uncertain", "gained", "lost", "moved", "newly_uncertain"),
        *("unchanged", "surveys", "concentrations", "mapping", "work", "diagnostics"),
    }
    assert said["members"]["after"] == found.members_after
    assert_tally(said, found)
    assert len(said["surveys"]) == len(found.surveys)
    for each, of in zip(said["surveys"], found.surveys, strict=True):
        assert set(each) == {
            *("survey", "fate", "status", "evaluated", "given", "uncertain", "gained", "lost"),
            *("moved", "newly_uncertain", "quotas", "flows", "renamed", "clauses"),
            "concentrations",
        }
        assert each["fate"] == of.fate
        assert_tally(each, of)
        assert [(one["members"], one["same"]) for one in each["flows"]] == [
            (one.members, one.same) for one in of.flows
        ]
        assert set(each["concentrations"]) == {"gained", "lost", "moved", "newly_uncertain"}


def assert_tally(said: dict[str, Any], found: Difference | SurveyDifference) -> None:
    tally = found.tally
    assert said["given"] == {"before": tally.before, "after": tally.after}
    assert said["uncertain"] == {"before": tally.uncertain_before, "after": tally.uncertain_after}
    for name in ("gained", "lost", "moved", "newly_uncertain"):
        assert said[name] == getattr(tally, name)


def test_standings_and_values_in_the_document() -> None:
    """A path is a list of quota ids; a range is a list of its ends, null where it is open."""
    found = difference(
        [survey("rfg:1", [flow((), ("a", "b"), 2), flow(MAYBE, OUT, 1)])],
        concentrations={
            Change.GAINED: (Concentration("age", ((-inf, 29.0), None, "x"), 1, 1, 1, 0),)
        },
    )
    said = orjson.loads(difference_json(found))
    assert [(one["before"], one["after"]) for one in said["surveys"][0]["flows"]] == [
        ([], ["a", "b"]),
        ("uncertain", "ineligible"),
    ]
    assert said["concentrations"]["gained"][0]["values"] == [[None, 29.0], None, "x"]
    assert said["concentrations"]["lost"] == []


def test_the_document_is_documented() -> None:
    """Every key is in the guide to rule changes; those of findings are in that of commands."""
    shown = (ROOT / "docs" / "guide" / "diff.md").read_text("utf-8")
    found = replace(differences.ordinary(), diagnostics_before=(), diagnostics_after=())
    keys = set(re.findall(r'"(\w+)":', difference_json(found).decode()))
    assert len(keys) > 40
    assert not {key for key in keys if f'"{key}":' not in shown}


# --- the words


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (1, 2, "50 %"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 999, "under 1 %"),
        (998, 999, "over 99 %"),
        (0, 0, "-"),
    ],
)
def test_a_share_is_never_rounded_to_nobody_or_all(part: int, whole: int, said: str) -> None:
    assert percent(part, whole) == said


def test_a_concentration_in_one_line() -> None:
    found = Concentration("region", ("DE",), 1_000, 980, 4_000, 480)
    assert concentration_line(Change.LOST, found) == (
        "98 % of the lost have region = DE: 980 of 1,000; of those who stayed 12 %: 480 of 4,000"
    )


# --- the picture


def members_by(flows: list[Flow], side: str) -> Counter[Assignment]:
    """How many members there are of each standing, before or after."""
    members = Counter[Assignment]()
    for each in flows:
        members[getattr(each, side)] += each.members
    return members


@given(given_flows=flows())
@example(given_flows=list(differences.forty_quotas().flows))
def test_the_picture_shows_every_member_once(given_flows: list[Flow]) -> None:
    picture = draw(given_flows)
    effects = Counter[Effect]()
    for each in given_flows:
        effects[effect(each)] += each.members
    if picture is None:
        assert not effects.total()
        return
    shown = Counter[Effect]()
    for ribbon in picture.ribbons:
        assert ribbon.members
        shown[ribbon.link.effect] += ribbon.members
    assert +shown == +effects
    for side, nodes in (("before", picture.before), ("after", picture.after)):
        told = members_by(given_flows, side)
        assert {
            each.end: each.members for each in nodes if each.end != OTHERS
        }.items() <= told.items()
        assert sum(each.members for each in nodes) == told.total()
        assert_apart(nodes, picture.height)


def assert_apart(nodes: tuple[Node, ...], height: float) -> None:
    """Bars stand one below the other, and so do two lines of label about their middles."""
    for upper, lower in pairwise(nodes):
        assert upper.top + upper.height < lower.top
        assert lower.middle - upper.middle >= 36
    assert nodes[0].top >= 0
    assert nodes[-1].top + nodes[-1].height <= height + 0.1


@given(given_flows=flows())
@example(given_flows=list(differences.forty_quotas().flows))
def test_ribbons_fill_the_nodes_that_they_join(given_flows: list[Flow]) -> None:
    picture = draw(given_flows)
    if picture is None:
        return
    for side, nodes in enumerate((picture.before, picture.after)):
        for node in nodes:
            spans = sorted(
                span(ribbon.outline)[side]
                for ribbon in picture.ribbons
                if ribbon.link[side] == node.end
            )
            assert spans[0][0] == pytest.approx(node.top, abs=0.2)
            assert spans[-1][1] == pytest.approx(node.top + node.height, abs=0.2)
            for upper, lower in pairwise(spans):
                assert upper[1] == pytest.approx(lower[0], abs=0.2)


def span(outline: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a ribbon begins and ends, on the left and on the right."""
    found = re.fullmatch(r"M0,(\S+)C50,\S+ 50,\S+ 100,(\S+)V(\S+)C50,\S+ 50,\S+ 0,(\S+)Z", outline)
    assert found
    left, right, below, above = map(float, found.groups())
    return (left, above), (right, below)


def test_small_changes_are_as_high_as_their_label_and_many_quotas_are_others() -> None:
    picture = draw([flow("a", "a", 10**6), flow("a", OUT, 1)])
    assert picture
    (stayed, lost) = picture.ribbons
    (left, _) = span(lost.outline)
    assert lost.labelled
    assert left[1] - left[0] == pytest.approx(LABEL)
    assert stayed.link.effect is Effect.STAYED
    many = draw(differences.forty_quotas().flows)
    assert many
    assert len(many.before) < 16
    assert {OTHERS, OUT} <= {node.end for node in many.after}


# --- the page


class Parsed(HTMLParser):
    """A page whose tags are balanced: its text, its tags, and its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.figures: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "dd":
            self.figures.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert (tag, "svg" in self.open) == ("path", True)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data
        elif "dd" in self.open:
            self.figures[-1] += data


@pytest.fixture(scope="module", params=EXAMPLES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_page_needs_nothing_else(name: str) -> None:
    text = page_of(EXAMPLES[name])
    for forbidden in ("http:", "https:", "src=", "<script", "@import", "url(", "javascript:"):
        assert forbidden not in text
    tags = [tag for tag, _ in Parsed(text).tags]
    assert not {"script", "iframe", "img", "object", "embed", "form", "base"} & set(tags)


def test_the_page_is_the_same_every_time(name: str) -> None:
    assert page_of(EXAMPLES[name]) == page_of(EXAMPLES[name])


def test_the_page_can_be_found_one_s_way_in(name: str) -> None:
    """Language, one heading of the first rank, no rank left out, names of pictures, scopes, ids."""
    tags = Parsed(page_of(EXAMPLES[name])).tags
    assert dict(tags)["html"] == {"lang": "en"}
    ranks = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h\d", tag)]
    assert ranks.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(ranks))
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for tag, attributes in tags:
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag == "svg":
            assert attributes["role"] == "img"
            assert set(str(attributes["aria-labelledby"]).split()) <= set(ids)
        if tag == "a":
            assert str(attributes["href"]).removeprefix("#") in ids


@given(found=anything)
@settings(max_examples=40)
def test_a_page_of_anything_is_well_formed(found: Difference) -> None:
    """Ids and texts of payloads stay text, whatever they hold."""
    text = difference_html(found, before=MARKUP, after="\ud800", title=MARKUP)
    parsed = Parsed(text)
    assert not {"u", "script"} & {tag for tag, _ in parsed.tags}
    assert not {
        name for _, attributes in parsed.tags for name in attributes if name.startswith("on")
    }
    assert MARKUP in parsed.text
    assert text.encode("utf-8")


def test_what_would_be_markup_is_text() -> None:
    text = page_of(EXAMPLES["strange"])
    assert escape(f"rfg:{SCRIPT}") in text.replace("&#39;", "&#x27;")
    assert f"rfg:{SCRIPT}" in Parsed(text).text
    assert "\\x1b[31mred\\u202e\\ud800" in text


def test_the_figures_are_those_of_the_difference(name: str) -> None:
    found = EXAMPLES[name]
    parsed = Parsed(page_of(found))
    figures = [" ".join(each.split()) for each in parsed.figures]
    tally = found.tally
    for shown in (
        f"{tally.before:,}",
        f"{tally.after:,}",
        f"\N{MINUS SIGN}{tally.lost:,}" if tally.lost else "0",
        f"+{tally.gained:,}" if tally.gained else "0",
        f"{tally.moved:,}",
        f"{tally.newly_uncertain:,}",
        f"{tally.uncertain_before:,} → {tally.uncertain_after:,} uncertain",
        f"{found.work.predicates:,}",
    ):
        assert shown in figures


def test_a_survey_in_the_table_has_its_own_figures(name: str) -> None:
    rows = [
        [" ".join(cell.split()) for cell in row] for row in Parsed(page_of(EXAMPLES[name])).rows
    ]
    listed = {row[0]: row[1:] for row in rows}
    affected = [each for each in EXAMPLES[name].surveys if not each.tally.none]
    shown = [each for each in affected if each.survey in listed]
    assert len(shown) == min(
        len([each for each in affected if len(each.survey) <= 48]), page.MOST_SURVEYS
    )
    for each in shown:
        tally = each.tally
        numbers = [int(re.sub("[^0-9]", "", cell)) for cell in listed[each.survey][1:8] if cell]
        assert numbers == [
            *(tally.before, tally.after, tally.lost, tally.gained, tally.moved),
            tally.newly_uncertain,
        ]


def test_seats_before_and_after() -> None:
    rows = [
        [" ".join(cell.split()) for cell in row]
        for row in Parsed(page_of(EXAMPLES["ordinary"])).rows
    ]
    assert ["men-18-24", "2,580 for 250 seats", "1,480 for 2,000 seats"] in rows
    assert ["closed-one", "0 closed", "0 closed"] in rows
    assert ["all", "not there", "512 for 400 seats"] in rows
    fillable = {row[0]: row[-1] for row in rows}
    assert fillable["dynata:13231"] == "100 % → 87 %"
    assert fillable["dynata:13244"] == "100 % → -"


def test_what_was_said_and_what_is_said_stand_side_by_side() -> None:
    text = page_of(EXAMPLES["ordinary"])
    assert "between 18 and <del>34</del>" in text
    assert "between 18 and <ins>29</ins>" in text
    assert "and <del>1,204</del> more" in page_of(EXAMPLES["strange"])
    assert "<code>/filters/3</code>" in text


def test_the_page_of_many_surveys_is_bounded() -> None:
    few, many = page_of(differences.large(200)), page_of(differences.large(5_000))
    assert len(many) < len(few) + 2_000
    assert len(many) < 300_000
    assert "… and 4,950 surveys more: matcher diff --json has them all." in Parsed(many).text


def test_the_size_of_one_survey_is_bounded() -> None:
    """However long its texts are, and however many quotas and clauses it has."""
    long = "long " * 100_000
    said = ClauseText("/filters/0", long)
    flows = [flow(f"{index}{HASH}", OUT, 1) for index in range(3_000)]
    changes = [ClauseChange("filter", (long,), said, None) for _ in range(3_000)]
    found = difference([survey(long, flows, [quota((long,), [], 1, 2)] * 3_000, clauses=changes)])
    assert len(page_of(found)) < 500_000


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(InputError) as raised:
        page_of(differences.nothing())
    assert str(raised.value) == (
        "`--html` needs the extra `report`: pip install 'quota-matcher[report]'"
    )


# --- the colours


def themes() -> Iterator[dict[str, str]]:
    style = (TEMPLATES / "report.css").read_text("utf-8")
    for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        if len(colours) > 1:
            yield colours


def test_every_text_can_be_read_in_both_themes() -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 at least."""
    light, dark = themes()
    for theme in (light, dark):
        for ink in ("ink", "quiet", "lost", "gained", "moved", "uncertain"):
            for ground in ("page", "card"):
                assert contrast(theme[ink], theme[ground]) >= 4.5


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- in a browser

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIETLY = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
FRAMES = """<!doctype html><body><script>
onload = () => {
  const told = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument;
    page.querySelectorAll("details").forEach(each => each.open = true);
    return [frame.contentWindow.innerWidth, page.documentElement.scrollWidth,
      frame.contentWindow.performance.getEntriesByType("resource").length,
      page.querySelectorAll("svg").length];
  });
  document.body.innerHTML = "<p>" + JSON.stringify(told) + "</p>";
};
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_in_chromium_nothing_is_fetched_and_nothing_is_wider_than_a_phone(tmp_path: Path) -> None:
    frames = [
        f'<iframe style="border:0;width:{width}px" srcdoc="{escape(page_of(found))}"></iframe>'
        for found in EXAMPLES.values()
        for width in (360, 1200)
    ]
    file = tmp_path / "frames.html"
    file.write_text(FRAMES + "".join(frames), "utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM),
            *QUIETLY,
            f"--user-data-dir={tmp_path / 'user'}",
            "--enable-logging=stderr",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"<p>(\[\[.*\]\])</p>", done.stdout)
    assert found, done.stderr
    told = orjson.loads(found[1])
    assert [width for width, *_ in told] == [360, 1200] * len(EXAMPLES)
    assert all(scrolled <= width for width, scrolled, *_ in told)
    assert not sum(requests for *_, requests, _ in told)
    assert [pictures for *_, pictures in told[::2]] == [0, 5, 3, page.MOST_DETAILED]
    assert "CONSOLE" not in done.stderr


# --- the table


def printed(found: Difference, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_difference(console, found, 1.25)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_of_an_ordinary_day() -> None:
    lines = [" ".join(line.split()) for line in printed(EXAMPLES["ordinary"]).splitlines()]
    for line in (
        "dynata:13231 changed 5,305 4,357 1,045 97 260 83",
        "dynata:13244 closed 730 0 730 - - -",
        "98 % of the lost have region = DE: 1,024 of 1,045; of those who stayed 12 %: 511 of 4,260",
        "says otherwise before after",
        "from / to men-18-24 women-18-24 men-25-34 uncertain ineligible",
        "men-18-24 1,480 - 260 - 840",
        "marketplaces.dynata.attributes.211.answers.4 DE DE, AT",
        "surveys: 2 changed, 1 added, 1 removed, 1 closed, 1 set aside, 1 restored, 1 no effect, "
        "4,212 unchanged",
        "20,010 members (20 joined, 10 left) · 8,440 surveys compared, 7 matched again · 1.25 s",
    ):
        assert line in lines
    assert (
        "given: 77,093 → 75,819 pairs of member and survey in the surveys matched again · "
        "1,883 lost"
    ) in "\n".join(lines)


def test_the_table_of_many_surveys_stays_a_page_or_two() -> None:
    lines = printed(differences.large(5_000)).splitlines()
    assert "… and 4,980 surveys more: --json has them all" in lines
    assert len(lines) < 100


def test_a_matrix_that_does_not_fit_is_a_list() -> None:
    lines = printed(difference([differences.forty_quotas()]), width=80).splitlines()
    assert any(re.search(r"from +to +members", line) for line in lines)
    assert "… and 66 flows more: --json has them all" in lines


@given(found=anything, width=st.integers(40, 200))
@settings(max_examples=30)
def test_a_table_of_anything_leaves_the_terminal_alone(found: Difference, width: int) -> None:
    lines = printed(found, width).split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) < 200 + 40 * table.MOST_DETAILED
