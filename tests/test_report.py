"""Reports: complete, readable, and nothing in them can do anything."""

import ast
import base64
import io
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from types import SimpleNamespace

import nbformat
import pytest
from hostile_text import HOSTILE
from journals import CODE, example, opened, stopped
from markdown_it import MarkdownIt
from PIL import Image

from maia_lab import report
from maia_lab.agents.messages import conversation
from maia_lab.bundle import lighter, smaller
from maia_lab.errors import JournalError
from maia_lab.events import Decided, Observed, Offered, Paused
from maia_lab.journal import Journal
from maia_lab.observation import Measurement, Observation, Picture
from maia_lab.plain import fenced, markdown, visible
from maia_lab.proposal import Prediction, Proposal
from maia_lab.report.forest import WIDTH, Forest
from maia_lab.report.story import LARGE, Story, picture, predicted
from maia_lab.review import Approve, Edit, Stop
from maia_lab.session import Session

ALLOWED = set(
    """html head meta title style body main article header section footer h1 h2 h3 p b a dl dt dd
    div span table thead tbody tr th td ol ul li figure img figcaption details summary pre code
    blockquote br svg rect line circle em strong hr""".split()  # noqa: SIM905
)
COLOURS = ("k", "s", "m", "c", "same", "add", "cut")
ADDRESS = re.compile(r"#[\w-]+|data:image/(?:png|webp);base64,[A-Za-z0-9+/=]+")
HARMLESS = "x"


class Page(HTMLParser):
    """A page's elements, and whatever in them could act."""

    def __init__(self, text):
        super().__init__()
        self.shape, self.active, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in ALLOWED:
            self.active.append(tag)
        for name, value in attrs:
            addresses = name in ("src", "href", "action", "data", "xlink:href", "srcset")
            if name.startswith("on") or name in ("srcdoc", "formaction", "target"):
                self.active.append((tag, name, value))
            if name == "style" and value not in ("text-align:left", "text-align:right"):
                self.active.append((tag, name, value))
            if addresses and not ADDRESS.fullmatch(value or ""):
                self.active.append((tag, name, value))
        # Colours in code follow the text: there, and only there, elements may differ.
        if not (tag == "span" and dict(attrs).get("class") in COLOURS):
            self.shape.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        self.text.append(data)


def images():
    return [Image.new("RGB", (16, 16), colour) for colour in ("red", "teal", "gold")]


def told(word=""):
    return example(Journal.memory("amber-fox"), images(), word)


@cache
def plain_files():
    """The same session with a harmless word: what the others must look like."""
    journal = told(HARMLESS)
    return report.to_html(journal), report.to_notebook(journal), report.to_markdown(journal)


@pytest.fixture(scope="module")
def page():
    return report.to_html(told())


@pytest.fixture(scope="module")
def text(page):
    return " ".join("".join(Page(page).text).split())


def rendered(source):
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Page(reader.render(source))


# Nothing acts.


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_becomes_active_or_changes_the_page(word):
    found, harmless = Page(report.to_html(told(word))), Page(plain_files()[0])
    assert found.active == []
    shapes = [[e for e in p.shape if e[0] not in ("details", "summary")] for p in (found, harmless)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_becomes_markup_in_the_notebook_or_the_summary(word):
    journal, (_, harmless, summary) = told(word), plain_files()
    notebook = report.to_notebook(journal)
    nbformat.validate(notebook)
    assert [c.cell_type for c in notebook.cells] == [c.cell_type for c in harmless.cells]
    for cell, like in zip(notebook.cells, harmless.cells, strict=True):
        if cell.cell_type == "markdown":
            found = rendered(cell.source)
            assert found.active == []
            assert found.shape == rendered(like.source).shape
            assert not re.search(r"(?<!\\)\$|\\\\[(\[]", cell.source)
        for output in cell.get("outputs", []):
            assert set(output.get("data", {})) <= {"text/plain", "image/png"}
            assert "\x1b" not in str(output)
    found = rendered(report.to_markdown(journal))
    assert found.active == []
    assert found.shape == rendered(summary).shape


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_the_cell_that_opens_the_study_only_ever_passes_plain_values(word):
    setup = report.to_notebook(told(word)).cells[1].source
    calls = [node for node in ast.walk(ast.parse(setup)) if isinstance(node, ast.Call)]
    assert len(calls) == 1 and len(ast.parse(setup).body) == 3
    values = [*calls[0].args, *(keyword.value for keyword in calls[0].keywords)]
    assert all(isinstance(value, ast.Constant) for value in values)
    assert {keyword.arg for keyword in calls[0].keywords} <= {"data", "seed"}


def test_there_are_sixty_hostile_texts_or_more():
    assert len(set(HOSTILE)) >= 60


def test_the_check_itself_sees_what_is_active():
    assert Page("<script>").active and Page("<p onclick=x>").active
    assert Page('<a href="javascript:x">').active and Page('<img src="//evil.example">').active


def test_the_page_forbids_scripts_and_every_address_but_its_own_pictures(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy[1] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert "http" not in page.replace("http-equiv", "")


def test_what_hides_or_reorders_text_is_spelled_out():
    shown = "".join(Page(report.to_html(told("a\u202eb\x00c\x1b[31md"))).text)
    assert r"a\u202eb\x00cd" in shown and "\u202e" not in shown and "\x1b" not in shown


@pytest.mark.parametrize(
    "text", ["a\x1b[1;31mb\x1b[0m", "a\x1b]8;;http://x\x07b\x1b]8;;\x07", "a\x1b(Bb"]
)
def test_terminal_escapes_are_dropped(text):
    assert visible(text) == "ab"


@pytest.mark.parametrize("text", ["a\n```\nb", "````", "", "plain", "~~~\n"])
def test_a_fence_holds_its_text(text):
    assert rendered(fenced(text)).shape == [("pre", ()), ("code", ())]


@pytest.mark.parametrize(
    "text", ["1. one", "- one", "+ one", "# one", "a | b", "*a* _b_", "<b>&amp;", "12) x"]
)
def test_markdown_of_a_text_reads_as_the_text(text):
    assert "".join(rendered(markdown(text)).text).strip() == text


# Everything is there.


def test_experiments_take_no_longer_than_their_session():
    story = Story.read(told())
    assert dict(story.setting)["took"] == "experiments ran for 1 min 6 s"
    times = ("2026-11-22T07:06:00.000+00:00", "2026-11-22T07:08:00.000+00:00")
    said = dict(replace(story, times=times).setting)["took"]
    assert said == "2 min 0 s, of which experiments ran for 1 min 6 s"


def test_the_page_tells_in_order_what_was_found_how_and_on_what_grounds(text):
    said = [
        "amber-fox · concluded", "It is active for red things.", "active for", "red circle",
        "suppressed by", "grass background", "not tested", "Other shapes were not tested.",
        "this description", "91 %", "82 %", "50", "1000", "one-shot baseline", "40 %", "–",
        "not scored, because no words", "Setting", "300 scenes", "scenes renderer",
        "scenes editor",
        "scenes captioner (perfect sight)",
        "begun with ask; steps decided by human 3, auto 1, ledger 1",
        "5 of at most 25, 1 edited, 2 rejected", "experiments ran for 1 min 6 s",
        "0123456789abcdef", "Hypotheses", "fires for red things", "indicated",
        "red circles above blue circles", "step 1", "cited", "fires for blue things",
        "contradicted", "against blue circles above red circles", "fires at night", "untested",
        "Experiments", "Is it red?", "H1 predicts red circles above blue circles",
        "no control (line 1)", "reads a file", "edited and approved by human: take more",
        "-images", "+images", "three", "the first", "3 images, activations 0.90 to 0.70",
        "and then",
        "difference from control", "red circles", "+0.40 to +0.70", "one image",
        "human Look at the background too.", "Mistyped", "by human · ended in an error",
        "approved by auto", "NameError", "Delete everything", "rejected by human: no files, please",
        "paused: lunch", "resumed", "sent back by the ledger: step 1 contradicts it",
        "approved by human: well done", "conclusion accepted by human", "How to do it again",
        "maia_lab.open_study('scenes/layer4/12', seed=7, data='photos')",
    ]  # fmt: skip
    place = 0
    for part in said:
        assert part in text[place:], part
        place = text.index(part, place)


def test_links_of_the_page_lead_to_steps_that_are_there(page):
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets and targets <= set(re.findall(r'id="([^"]+)"', page))


def test_links_of_the_notebook_lead_to_headings_that_are_there():
    sources = [c.source for c in report.to_notebook(told()).cells if c.cell_type == "markdown"]
    headings = {h.replace(" ", "-") for s in sources for h in re.findall(r"^## (.+)$", s, re.M)}
    targets = set(re.findall(r"\]\(#([^)]+)\)", "\n".join(sources)))
    assert targets and targets <= headings


def test_pictures_come_back_as_they_were_kept(page):
    journal = told()
    (part,) = [p for p in Story.read(journal).steps[0].observation.parts if isinstance(p, Picture)]
    kept = base64.b64encode(journal.image(part.sha256)).decode()
    assert f'src="data:image/png;base64,{kept}"' in page
    (shown,) = [
        output
        for cell in report.to_notebook(journal).cells
        for output in cell.get("outputs", [])
        if output.output_type == "display_data"
    ]
    assert shown.data["image/png"] == kept
    assert shown.data["text/plain"] == part.alt
    assert shown.metadata["image/png"] == {"width": part.width, "height": part.height}


def test_the_notebook_holds_what_ran_with_its_outputs_and_keeps_what_did_not_from_running():
    notebook = report.to_notebook(told())
    nbformat.validate(notebook)
    steps = {cell.metadata.maia.step: cell for cell in notebook.cells if "maia" in cell.metadata}
    assert {n: (c.cell_type, c.metadata.maia.state) for n, c in steps.items()} == {
        1: ("code", "done"),
        2: ("code", "error"),
        3: ("raw", "rejected"),
        4: ("raw", "rejected"),
        5: ("code", "done"),
    }
    first = steps[1]
    head, code = first.source.split("\n", 1)
    assert head == "# maia: amber-fox/1 · tests: fires for red things; fires for blue things"
    assert code == CODE.replace("3", "5")
    assert [o.output_type for o in first.outputs] == ["stream", "display_data", "stream"]
    assert steps[2].outputs[0].ename == "NameError"
    assert steps[3].source.startswith(
        "# maia: amber-fox/3 · never ran: rejected (no files, please)"
    )
    assert set(first.metadata.maia) == {"session", "step", "revision", "sha", "state", "agent"}
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == [1, 2, 3, 4]


def test_the_same_journal_gives_the_same_files():
    journal = told()
    assert report.to_notebook(journal) == report.to_notebook(journal)
    assert report.to_html(journal) == report.to_html(journal)


def test_the_summary_names_findings_scores_and_every_step():
    summary = report.to_markdown(told())
    for part in (
        "# scenes/layer4/12",
        "**H1** (indicated) fires for red things",
        "91 %",
        "## Step 5",
    ):
        assert part in summary
    assert "*Picture: 3 images, activations 0.90 to 0.70*" in summary


def test_whoever_decided_is_named_whatever_the_session_was_begun_with():
    journal = Journal.memory("changed")
    for event in told().events:
        decided = isinstance(event, Decided) and event.by == "auto"
        journal.append(replace(event, by="human") if decided else event)
    assert dict(Story.read(journal).setting)["review"] == "ask: a human decided every step"


# Sessions that are not whole.


def test_a_session_that_was_only_opened_has_a_report():
    journal = Journal.memory()
    journal.append(opened())
    page = report.to_html(journal)
    assert "No conclusion" in page and "None yet." in page and "not finished" in page
    nbformat.validate(report.to_notebook(journal))
    assert "There is none: not finished" in report.to_notebook(journal).cells[-1].source


@pytest.mark.parametrize(
    ("events", "ending"),
    [
        ([Paused("no more credit")], "paused: no more credit"),
        ([Offered(1, 1, Proposal("why", "1"), "offline")], "not finished"),
        ([Offered(1, 1, Proposal("why", "1"), "offline"), Decided(1, 1, Stop("enough"), "human")],
         "stopped: enough"),
    ],
)  # fmt: skip
def test_how_a_session_stands_is_said(events, ending):
    journal = Journal.memory()
    for event in (opened(), *events):
        journal.append(event)
    assert Story.read(journal).ending == ending
    assert ending in report.to_html(journal)
    assert ending in report.to_markdown(journal)


def test_a_stopped_session_says_why():
    assert "stopped: the budget of steps is spent" in report.to_html(stopped(Journal.memory()))


def test_a_step_offered_again_is_told_once_with_its_last_revision():
    journal = Journal.memory()
    for revision in (1, 2):
        if revision == 1:
            journal.append(opened())
        journal.append(Offered(1, revision, Proposal("why", "1"), "offline"))
    (step,) = Story.read(journal).steps
    assert step.offered.revision == 2


def test_an_edit_that_never_ran_is_not_told_as_what_did():
    session = Session.open(Journal.memory(), opened())
    session.decide(session.offer(Proposal("why", "1"), "offline"), Edit("2", "better"), "human")
    session.resume()  # Its process ended before the code began.
    (step,) = Story.read(session.journal).steps
    assert (step.code, step.edited) == ("1", False)
    assert session.decide(session.ticket, Approve(), "human") == "1"
    session.began()
    session.observed(Observation())
    (step,) = Story.read(session.journal).steps
    assert (step.code, step.edited) == ("1", False) and session.ran == {1: "1"}
    told = str(conversation(session.journal.events, session.journal.image).messages)
    assert told.index("changed your code") < told.index("That change did not run")


def test_events_of_a_later_version_are_skipped():
    journal = told()
    later = SimpleNamespace(
        name="amber-fox", events=(*journal.events, object()), records=journal.records,
        image=journal.image,
    )  # fmt: skip
    assert report.to_html(later) == report.to_html(journal)


def test_a_journal_without_a_session_is_refused():
    with pytest.raises(JournalError, match="holds no session"):
        report.to_html(Journal.memory("empty"))


def test_a_missing_picture_leaves_its_hash_in_its_place(tmp_path):
    with Journal.create(tmp_path, "amber-fox") as journal:
        example(journal, images())
        (path,) = (journal.folder / "images").iterdir()
        path.unlink()
        page = report.to_html(journal)
        assert (
            "This picture is missing" in page
            and path.stem in page
            and page.count("<img") == page.count('<img class="plot"')
        )
        notebook = report.to_notebook(journal)
    nbformat.validate(notebook)
    assert f"the picture {path.stem} is missing" in str(notebook)


def test_what_is_kept_as_a_picture_and_is_none_is_not_inlined():
    journal = Journal.memory()
    kept = journal.keep(b"<svg onload=alert(1)>")
    for event in (
        opened(),
        Offered(1, 1, Proposal("why", "1"), "offline"),
        Observed(1, Observation((Picture(kept, "a drawing", 9, 9),))),
    ):
        journal.append(event)
    page = report.to_html(journal)
    assert "<img" not in page and "This picture is missing: a drawing" in page


# Files.


def test_writing_leaves_a_page_a_notebook_and_a_summary(tmp_path):
    written = report.write(told(), tmp_path / "new" / "folder")
    assert set(written) == {"report.html", "amber-fox.ipynb", "report.md"}
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == set(written)
    nbformat.validate(nbformat.read(written["amber-fox.ipynb"], as_version=4))
    assert written["report.html"].read_text("utf-8") == report.to_html(told()).replace("\r", "")


def test_several_sessions_share_a_page_and_have_a_notebook_each(tmp_path):
    journals = [example(Journal.memory(name), images()) for name in ("amber-fox", "blue-owl")]
    written = report.write(journals, tmp_path)
    assert set(written) == {"report.html", "report.md", "amber-fox.ipynb", "blue-owl.ipynb"}
    page = written["report.html"].read_text("utf-8")
    assert page.count("<h1 ") == 2
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == 10


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError, match=r"cannot be written to .*; name another folder"):
        report.write(told(), tmp_path / "file")


# The plot.


def row(condition, values, control="c", difference=0.0, low=0.0, high=0.0):
    mean = sum(values) / len(values)
    return Measurement(
        condition, values, ("",) * len(values), mean, 0.1, 0.5, 50, control, difference, low, high
    )


def test_conditions_share_an_axis_on_which_the_control_is_zero():
    control, more = row("c", (1.0, 3.0), ""), row("a", (4.0, 6.0), "c", 3.0, 2.0, 4.0)
    axis = Forest.of([more, control])
    assert axis.control == "c" and (axis.start, axis.end) == (-1.0, 4.0)
    assert axis.x(-1.0) < axis.zero < axis.x(2.0) < axis.x(3.0) < axis.x(4.0)
    assert axis.dots(control) == [axis.x(-1.0), axis.x(1.0)]
    assert axis.interval(more) == (axis.x(2.0), axis.x(4.0))
    assert axis.side(more) == "above" and axis.side(control) == "unclear"


def test_nothing_is_drawn_outside_the_plot():
    inf, nan = float("inf"), float("nan")
    rows = [row("a", (nan, inf, 1.0), "c", nan, -inf, inf), row("c", (0.0,), "")]
    axis = Forest.of(rows)
    drawn = [axis.zero, axis.x(nan), *axis.interval(rows[0]), *axis.dots(rows[0])]
    assert all(0 <= x <= WIDTH for x in drawn)
    assert "no interval" in axis.words(rows[0])


def test_a_large_picture_is_lighter_where_it_is_shown_and_whole_in_the_journal(tmp_path):
    noise = Image.effect_noise((300, 300), 90).convert("RGBA")
    noise.putalpha(Image.linear_gradient("L").resize(noise.size))
    file = io.BytesIO()
    noise.save(file, "PNG")
    assert len(file.getvalue()) > LARGE
    journal = Journal.create(tmp_path, "fox")
    journal.append(opened())
    kept = journal.keep(file.getvalue())
    kind, shown = picture(journal, kept, lighter)
    with Image.open(io.BytesIO(base64.b64decode(shown))) as light:
        assert kind == "image/webp" and light.mode == "RGBA"
    assert len(shown) < len(file.getvalue())
    assert picture(journal, kept, smaller)[0] == "image/jpeg"
    assert journal.image(kept) == file.getvalue()


def test_conditions_with_commas_of_their_own_are_told_apart():
    prediction = Prediction("H1", ("red",), ("red, but not large", "blue"))
    assert predicted(prediction) == "red above red, but not large; blue"
