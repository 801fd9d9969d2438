"""Begin a session, or go on with one: study, journal, agent and reviewer brought together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from numpy.typing import ArrayLike

from maia_lab import access, places
from maia_lab.config import Config
from maia_lab.console import ConsoleReviewer, PolicyReviewer
from maia_lab.doors import open_agent, open_captioner
from maia_lab.errors import SessionError, WorldError
from maia_lab.events import Event, Opened, Setting
from maia_lab.executor import LocalExecutor
from maia_lab.journal import Journal
from maia_lab.journal.names import readable_name
from maia_lab.loop import Agent, Reviewer, run
from maia_lab.pictures import Rows
from maia_lab.review import Policy
from maia_lab.session import Session
from maia_lab.sessions import find
from maia_lab.spending import Billed
from maia_lab.study import Study, open_study
from maia_lab.tasks import ASK, BIAS, COMPARE, SPURIOUS
from maia_lab.thought import Listener
from maia_lab.unit import Unit
from maia_lab.version import __version__
from maia_lab.world import Captioner, Progress, World

Reader = Callable[[Event], None]
Pixels = Callable[[str], bytes]
"""Finds a session's pictures by hash."""
Driver = Callable[[Session, Study, Agent], Callable[[], None]]
"""Takes a session with what it is worked with; returns what :meth:`Session.wait` does."""


def describe(
    unit: Unit | str | object,
    layer: str | None = None,
    index: int | str | None = None,
    *,
    data: str | Path | World | Rows | None = None,
    balanced: str | Path | None = None,
    generator: str | None = None,
    editor: str | None = None,
    rater: str | None = None,
    preprocess: object = None,
    classes: tuple[str, ...] | None = None,
    direction: ArrayLike | None = None,
    beside: Sequence[Unit | str] = (),
    models: Mapping[str, object] | None = None,
    task: str = "describe",
    agent: str | None = None,
    review: Policy = "ask",
    max_steps: int | None = None,
    max_seconds: float | None = None,
    max_tokens: int | None = None,
    max_money: float | None = None,
    seed: int = 0,
    session: str | None = None,
    folder: str | Path | None = None,
    name: str = "net",
    question: str | None = None,
    progress: Progress | None = None,
    reader: Reader | None = None,
    listener: Listener | None = None,
    driver: Driver | None = None,
) -> Session:
    """Ask an agent what makes a unit active. Nothing runs before :meth:`Session.wait`.

    Args:
        unit: an address (``"scenes/layer4/12"``), or a model with ``layer`` and ``index``.
        layer: the layer, where ``unit`` is a model.
        index: the unit's position in the layer, or its class name.
        data: a folder of images or a world; needed for a model that was not trained on scenes.
        balanced: a folder of images to be held out, in place of a fifth of the data.
        generator: what draws images, where not the model's own world does: another world,
            ``scenes-diffusion``, ``diffusers:NAME`` or ``retrieve:FOLDER``.
        editor: what edits them, where not the generator does: ``plain`` or ``diffusers:NAME``.
        rater: who says which held-out images a description means (``clip:FOLDER``,
            ``claude:MODEL``), where the words of the data cannot.
        preprocess: how an image becomes the model's input, where the model does not say.
        classes: names of the logits, in order.
        direction: studied in place of one unit, ``index`` being what to call it.
        beside: further units, by address, where several are studied side by side.
        models: objects that addresses name as their models.
        task: what is asked: see :mod:`maia_lab.tasks`.
        agent: who experiments. What is not given here or below is as configured: see
            :mod:`maia_lab.config`.
        review: ``"ask"`` at the console, ``"safe"`` or ``"auto"``: see :data:`review.Policy`.
        max_steps: the last one is kept for a conclusion.
        max_seconds: of work; waiting for a human does not count.
        max_tokens: of a language model, sent and written; None for no limit.
        max_money: US dollars, where the model's price is known; None for no limit.
        seed: where every random choice starts from.
        session: a name for it; a readable one is made up otherwise.
        folder: where sessions are kept, if not in the user's data folder.
        name: what a model given as an object is called in the address.
        question: asked of the unit in free words, by the task ``ask`` unless another is given.
        progress: told (done, total) while the exemplars are computed.
        reader: sent every event as it happens.
        listener: told what the agent is doing while it thinks.
        driver: works the session, where that is not done in a terminal.

    Returns:
        The session, opened: ``.wait()``, then ``.conclusion``, ``.scores``, ``.ledger``,
        ``.to_frame()``, ``.report(folder)``.

    Example:
        >>> session = describe("scenes/layer4/12", review="auto").wait()
        >>> print(session.conclusion.description)
    """
    if review not in get_args(Policy):
        raise SessionError(review, "is not a policy", f"choose {', '.join(get_args(Policy))}")
    settled = Config.read(
        agent=agent,
        max_steps=max_steps,
        max_seconds=max_seconds,
        max_tokens=max_tokens,
        max_money=max_money,
    )
    agent, _ = access.experimenter(settled)
    access.priced(settled, agent, rater)
    root = Path(folder) if folder is not None else places.sessions()
    taken = {path.name for path in root.iterdir()} if root.is_dir() else set()
    named = session or readable_name(taken)
    Journal.check(root, named)
    study = open_study(
        unit, layer, index, data=data, balanced=balanced, generator=generator, editor=editor,
        rater=rater, preprocess=preprocess, classes=classes, direction=direction, beside=beside,
        models=models, task=ASK.name if question and task == "describe" else task,
        name=name, seed=seed, progress=progress,
    )  # fmt: skip
    asked = study.task.ask(study.unit, question or "", list(study.systems))
    if study.task.check is not None:
        study.task.check(study.world, asked)
    experimenter = _agent(agent, study, seed, settled, lambda sha256: journal.image(sha256))
    captioner = _captioner(agent, study, settled)
    journal = Journal.create(root, named)
    world = study.world
    setting = Setting(
        agent=agent,
        world=world.name,
        data=world.data.name,
        generator=world.generator.name if world.generator else "",
        editor=world.editor.name if world.editor else "",
        captioner=captioner.name if captioner else "",
        policy=review,
        max_steps=settled.max_steps,
        max_seconds=settled.max_seconds,
        max_tokens=settled.max_tokens,
        max_money=settled.max_money,
        seed=seed,
        digests=study.digests,
        options=study.options,
        version=__version__,
    )
    opened = Opened(journal.name, asked, setting)
    going = Session.open(journal, opened)
    for remark in world.remarks:
        going.note(remark, by="data")
    return _ready(going, study, experimenter, review, reader, listener, driver)


def ask(question: str, unit: Unit | str | object, *where: Any, **options: Any) -> Session:
    """Ask a question in free words of a unit; the agent answers it by experiment.

    Args:
        question: ``"does it care about texture or shape?"``
        unit: an address, or a model with layer and index behind it.
        where: the layer and the index, where ``unit`` is a model.
        options: as for :func:`describe`.

    Example:
        >>> ask("is it the colour or the shape?", "scenes/layer4/12", review="auto").wait()
    """
    if not question.strip():
        raise SessionError("ask", "needs a question", "say what you want to know")
    return describe(unit, *where, question=question, **options)


def compare(*units: Unit | str, **options: Any) -> Session:
    """Ask where units answer alike, and where not: of other layers, or before and after training.

    Args:
        units: two addresses or more.
        options: as for :func:`describe`; ``models`` gives models that have no name.

    Example:
        >>> compare("before/layer4/3", "after/layer4/3", data="photos",
        ...     models={"before": net, "after": tuned}).wait()
    """
    if len(set(map(str, units))) < 2:
        raise SessionError(
            ", ".join(map(str, units)) or "nothing",
            "cannot be compared with itself",
            "name two units or more",
        )
    return describe(units[0], beside=units[1:], task=COMPARE.name, **options)


def bias(
    unit: Unit | str | object, *where: Any, shows: str | None = None, **options: Any
) -> Session:
    """Ask in which contexts a class is missed: where its score is low although the thing is there.

    Args:
        unit: the class's logit by address (``"net/logits/fish"``), or a model with layer and index
            behind it.
        where: the layer and the index, where ``unit`` is a model.
        shows: what images of the class show, in words; None: the class's own name says it.
        options: as for :func:`describe`.

    Example:
        >>> bias("scenes/logits/fish", review="auto").wait()
    """
    return describe(unit, *where, task=BIAS.name, question=shows, **options)


def spurious(model: str | object, layer: str, **options: Any) -> Session:
    """Ask which units of a layer answer to the classes, and which to what they stand before.

    ℓ1 logistic regression over the layer picks the candidates; the agent labels each by
    interventions; the conclusion refits the head on the biased data with the selective ones, and
    leaves it in the session's folder: :func:`maia_lab.refitted` makes a classifier of it.

    Args:
        model: a classifier.
        layer: whose units its head reads, or could.
        options: as for :func:`describe`: ``data`` is sorted by class, biased as it may be, and
            ``balanced`` a folder to test on, where there is one.

    Example:
        >>> session = spurious(net, "avgpool", preprocess=preprocess, data="photos/").wait()
        >>> print(session.tables[0])
    """
    return describe(model, layer, task=SPURIOUS.name, **options)


def resume(
    session: str | Path,
    *,
    study: Study | None = None,
    folder: str | Path | None = None,
    review: Policy = "ask",
    progress: Progress | None = None,
    reader: Reader | None = None,
    listener: Listener | None = None,
    driver: Driver | None = None,
) -> Session:
    """Go on with a session that was paused, interrupted, or lost its process.

    Args:
        session: its name, or its folder.
        study: needed where the model was given as an object.
        folder: where sessions are kept, if not in the user's data folder.
        review: chosen anew, since no policy survives a restart.
        progress: told (done, total) while the exemplars are computed.
        reader: sent every event from the first on.
        listener: told what the agent is doing while it thinks.
        driver: works the session, where that is not done in a terminal.

    Raises:
        SessionError: it has ended, or weights or data are not the ones it began with.
        JournalError: it cannot be written to.
    """
    going = find(session, folder)
    try:
        setting = going.opened.setting
        if going.state.ended:
            raise SessionError(
                going.name,
                f"has ended ({going.state.phase})",
                f"read it with: maia report {session}",
            )
        study = same(going, study or again(going, progress))
        going.resume(review)
        settled = Config.read()
        agent = _agent(setting.agent, study, setting.seed, settled, going.journal.image)
        _captioner(setting.agent, study, settled)
        return _ready(going, study, agent, review, reader, listener, driver)
    except BaseException:  # Ctrl-C while the index is built, too: the next attempt needs the lock.
        going.journal.close()
        raise


def same(session: Session, study: Study) -> Study:
    """A study, once it is seen to be of the unit, weights and data that a session began with.

    Raises:
        SessionError: it is not.
    """
    began = {"unit": str(session.opened.question.unit), **dict(session.opened.setting.digests)}
    there = {"unit": str(study.unit), **dict(study.digests)}
    for what in began | there:
        if began.get(what) != there.get(what):
            raise SessionError(
                session.name,
                f"has not the {what} that it began with",
                "bring it back, or start a new session",
            )
    return study


def again(session: Session, progress: Progress | None = None) -> Study:
    """The session's study, from what its journal says of it."""
    setting = session.opened.setting
    options = dict(setting.options)
    if objects := options.get("objects"):
        raise SessionError(
            session.name,
            f"was opened in Python with objects of its own ({objects})",
            "call maia_lab.resume(name, study=maia_lab.open_study(...)) with the same",
        )
    return open_study(
        session.opened.question.unit,
        data=options.get("data"),
        balanced=options.get("balanced"),
        generator=options.get("generator"),
        editor=options.get("editor"),
        rater=options.get("rater"),
        beside=setting.beside,
        task=options.get("task", "describe"),
        seed=setting.seed,
        progress=progress,
    )


def _agent(name: str, study: Study, seed: int, settled: Config, pixels: Pixels) -> Agent:
    world = study.world
    # A question may be about what edits take away, which needs no words.
    said = set(world.vocabulary) - ({"edit"} if study.task != ASK else set())
    if name == "offline" and not said:
        raise WorldError(
            world.name,
            "has no words, and the offline agent knows images by words only",
            "sort the images into a folder for each label, or name a generator (--generator NAME)",
        )
    options: dict[str, object] = {"vocabulary": world.vocabulary, "seed": seed}
    if name == access.MODEL:
        access.check(settled.base_url)
        options |= {"model": settled.model, "base_url": settled.base_url, "pixels": pixels}
    return open_agent(name, **options)


def _captioner(agent: str, study: Study, settled: Config) -> Captioner | None:
    """Who describes images: the world's own captioner, else the model that experiments."""
    if agent == access.MODEL and study.tools.captioner is None:
        study.tools.captioner = open_captioner(settled.model, settled.base_url)
    return study.tools.captioner


def _ready(
    session: Session,
    study: Study,
    agent: Agent,
    policy: Policy,
    reader: Reader | None,
    listener: Listener | None,
    driver: Driver | None,
) -> Session:
    """Make ``session.wait()`` work it to its end in this process."""
    if reader is not None:
        session.journal.read_by(reader)
    if listener is not None:
        session.aloud.heard_by(listener)
    study.tools.may_conclude = lambda: session.concluding
    for paid in (study.tools.captioner, study.world.rater):
        if isinstance(paid, Billed):
            paid.paid_by(session)
    study.tools.folder = session.journal.folder or study.tools.folder
    if driver is not None:
        return session.finish_by(driver(session, study, agent))
    reviewer: Reviewer = ConsoleReviewer() if policy == "ask" else PolicyReviewer(policy)
    executor = LocalExecutor(study.names, study.tools.recorder, session.journal.keep)
    return session.finish_by(lambda: run(session, agent, reviewer, executor))
