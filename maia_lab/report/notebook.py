"""A session as an executed notebook that runs again without the agent."""

from __future__ import annotations

import hashlib
import keyword
import re
from typing import TYPE_CHECKING, Any

from maia_lab.bundle import smaller
from maia_lab.events import Noted
from maia_lab.observation import Observation, Text
from maia_lab.plain import one_line, visible
from maia_lab.proposal import Conclusion
from maia_lab.report.story import Step, Story, picture
from maia_lab.report.summary import words

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from maia_lab.journal import Journal

HEAD = 100
"""Characters of a cell's first comment at most."""
OBJECTS = ("model", "models", "preprocess", "classes", "direction", "data")
"""What a study may be given in Python that nobody else could name."""


def to_notebook(journal: Journal) -> NotebookNode:
    """Turn a session into a notebook: what ran, as cells, with the outputs that were recorded.

    The first code cell opens the same study again, so that everything below it runs anew without
    an agent. Steps that never ran are raw cells, which nothing executes.

    Raises:
        JournalError: no session was opened in the journal.
    """
    v4, story, say = _nbformat().v4, Story.read(journal), words()
    cells = [
        v4.new_markdown_cell(_text(say.header(story)), id="question"),
        v4.new_code_cell(setup(story), id="setup", execution_count=1),
    ]
    ran = 1
    for number, item in enumerate(story.told):
        if isinstance(item, Noted):
            cells.append(v4.new_markdown_cell(_text(say.note(item)), id=f"note-{number}"))
        elif isinstance(item, Step):
            words_id, cell_id = f"step-{item.number}-why", f"step-{item.number}"
            cells.append(v4.new_markdown_cell(_text(say.step(story, item)), id=words_id))
            source, metadata = _source(story, item), {"maia": _known(story, item)}
            if item.observation is None or item.observation.outcome == "unknown":
                cells.append(v4.new_raw_cell(source, id=cell_id, metadata=metadata))
                continue
            ran += 1
            outputs = _outputs(journal, item.observation)
            cells.append(
                v4.new_code_cell(
                    source, id=cell_id, metadata=metadata, outputs=outputs, execution_count=ran
                )
            )
    cells.append(v4.new_markdown_cell(_text(say.conclusion(story)), id="conclusion"))
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook: NotebookNode = v4.new_notebook(cells=cells, metadata=about)
    return notebook


def to_ipynb(journal: Journal) -> str:
    """The notebook as the text of its file."""
    return str(_nbformat().writes(to_notebook(journal))) + "\n"


def setup(story: Story) -> str:
    """The code that opens the session's study again, without its agent."""
    setting, unit = story.opened.setting, story.opened.question.unit
    options: dict[str, object] = {"seed": str(setting.seed), **dict(setting.options)}
    if (seed := str(options["seed"])).isdecimal():
        options["seed"] = int(seed)
    if options.pop("beside", ""):
        options["beside"] = setting.beside
    objects = str(options.pop("objects", ""))
    given = [what for what in OBJECTS if what in objects.split(", ") and what not in options]
    where = [ascii(str(unit))]
    if "model" in given:
        where = ["...", ascii(unit.layer), ascii(unit.index), f"name={unit.model!r}"]
    arguments = [
        *where,
        *(f"{what}=..." for what in given if what != "model"),
        # Whatever a journal says it was opened with, only plain values come back as code.
        *(
            f"{name}={value!r}"
            for name, value in options.items()
            if name.isidentifier() and not keyword.iskeyword(name)
        ),
    ]
    note = f"# Put in place of each ... what it was in Python: {', '.join(given)}.\n"
    return (
        "import maia_lab\n\n"
        f"{note * bool(given)}study = maia_lab.open_study({', '.join(arguments)})\n"
        "system, tools = study.system, study.tools"
        + ("\nsystems = study.systems" if setting.beside else "")
    )


def _nbformat() -> Any:
    # Its functions carry no types.
    import nbformat

    return nbformat


def _source(story: Story, step: Step) -> str:
    """What ran, or would have, below a comment that says which step it was and what it tested."""
    code = step.code.encode("utf-8", "backslashreplace").decode()
    if code.startswith("# maia: "):
        return code
    if step.observation is None:
        about = f"never ran: {step.state}"
        about += "".join(f" ({note})" for _, note in step.decisions[-1:] if note)
    elif isinstance(step.offered.proposal, Conclusion):
        about = "the conclusion, scored on held-out images"
    else:
        texts = {id: finding.hypothesis.text for id, finding in story.ledger.findings.items()}
        about = "; ".join(dict.fromkeys(texts.get(id, id) for id, _ in step.predictions))
        about = f"tests: {about}" if about else step.offered.proposal.why
    head = one_line(f"# maia: {story.opened.session}/{step.number} · {about}")
    return f"{head if len(head) <= HEAD else head[: HEAD - 1] + '…'}\n{code}"


def _known(story: Story, step: Step) -> dict[str, object]:
    return {
        "session": one_line(story.opened.session),
        "step": step.number,
        "revision": step.offered.revision,
        "sha": hashlib.sha256(step.code.encode("utf-8", "backslashreplace")).hexdigest(),
        "state": step.state,
        "agent": one_line(step.offered.by),
    }


def _outputs(journal: Journal, observation: Observation) -> list[NotebookNode]:
    v4, outputs = _nbformat().v4, []
    for part in observation.parts:
        if isinstance(part, Text):
            outputs.append(v4.new_output("stream", name="stdout", text=visible(part.text)))
            continue
        data, shown = {"text/plain": one_line(part.alt)}, {}
        if found := picture(journal, part.sha256, smaller):
            kind, data[kind] = found
            shown[kind] = {"width": part.width, "height": part.height}
        else:
            data["text/plain"] += f" (the picture {one_line(part.sha256)} is missing)"
        outputs.append(v4.new_output("display_data", data=data, metadata=shown))
    if observation.error:
        lines = visible(observation.error).rstrip().splitlines()
        name, _, value = lines[-1].partition(": ") if lines else ("", "", "")
        error = {"ename": name, "evalue": value, "traceback": lines}
        outputs.append(v4.new_output("error", **error))
    return outputs


def _text(markdown: object) -> str:
    """A cell's text without the empty lines that a template leaves behind."""
    return re.sub(r"\n{3,}", "\n\n", str(markdown)).strip()
