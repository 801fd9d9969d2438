"""From biased data to a head that reads only what answers to the classes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from maia_lab import open_study, refitted, resume, spurious
from maia_lab.agents.offline import spurious as offline_spurious
from maia_lab.bench.spurious import ROWS, _rows
from maia_lab.briefing import Briefing
from maia_lab.crossing import Crossing, collage, words
from maia_lab.errors import DataError, ModelError, WordsError, WorldError
from maia_lab.events import Observed
from maia_lab.observation import Observation, Text
from maia_lab.scenes.planted import PAIRS, planted_world
from maia_lab.scenes.render import render
from maia_lab.scenes.sample import sample, stream
from maia_lab.selectivity import Selectivity
from maia_lab.systems.scenes_nets import build, preprocess
from maia_lab.tasks.spurious import FILE, read


def runs(session):
    """What came of each step."""
    return [e.observation for e in session.journal.events if isinstance(e, Observed)]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """The shipped network's own units, on drawn things that have a background each."""
    return spurious(
        "scenes",
        "layer4",
        data=planted_world(160, 128),
        agent="offline",
        review="auto",
        folder=tmp_path_factory.mktemp("sessions"),
    ).wait()


def test_every_candidate_is_labelled_twice_over(session):
    answers = session.conclusion.answers
    shown = runs(session)[0].text
    assert 8 <= len(answers) <= 64
    assert f"shown to {len(answers)} units" in shown
    assert {answer.says.split(":")[0] for answer in answers} == {"SELECTIVE", "SPURIOUS"}
    assert all(answer.says.count("thing") == 2 for answer in answers)


def test_the_conclusion_hands_over_the_accuracies_and_the_evidence(session):
    table, confusion, handed, labels = session.tables
    found = {row[0]: float(row[2].split()[0]) for row in table.rows}
    # Chance is a quarter; whoever goes by the background is right in a quarter, too.
    assert found["SELECTIVE units"] > 0.6
    assert len(table.rows) == 9 and table.columns[2] == "128 balanced scenes"
    assert [row[0] for row in confusion.rows] == list(PAIRS)
    counts = [cell.split(" → ") for row in confusion.rows for cell in row[1:]]
    assert [sum(map(int, each)) for each in zip(*counts, strict=True)] == [128, 128]
    assert str(session.journal.folder / FILE) in handed.note
    assert len(labels.rows) == len(session.conclusion.answers)
    pictures = [part.alt for part in runs(session)[-1].parts if hasattr(part, "alt")]
    assert [text.split(":")[0].split(", ")[-1] for text in pictures[1:]] == [
        "SELECTIVE",
        "SPURIOUS",
    ]


def test_the_refitted_head_is_a_module_that_answers_as_the_table_says(session):
    world, path = planted_world(160, 128), session.journal.folder / FILE
    classifier = refitted(path, "scenes")
    assert classifier.classes == tuple(PAIRS)
    study = open_study("scenes/layer4/0", data=world)
    held_out = read(study.system.layer, world.held_out, world)
    images = [world.held_out[i] for i in range(128)]
    said = classifier(torch.stack([preprocess(image) for image in images])).argmax(1).numpy()
    found = {row[0]: row[2] for row in session.tables[0].rows}
    assert f"{(said == held_out.y).mean():.3f}" == found["SELECTIVE units"]
    # It is a linear layer's state, to be read without this package.
    assert load_file(path)["weight"].shape == (4, 75)


def test_a_session_goes_on_with_the_units_that_were_chosen(tmp_path):
    seen = []

    def drive(session, study, agent):
        seen.append((study.task.name, list(study.systems), study.tools.folder))
        return lambda: None

    given = {"folder": tmp_path, "driver": drive}
    begun = spurious("scenes", "layer4", data="planted", agent="offline", session="fox", **given)
    begun.pause("later")
    begun.journal.close()
    resume("fox", **given).journal.close()
    assert seen[0] == seen[1] and len(seen[0][1]) > 8
    assert seen[0][0] == "spurious" and seen[0][2] == tmp_path / "fox"


def test_a_head_is_not_put_onto_another_network(session, tmp_path):
    path = session.journal.folder / FILE
    with pytest.raises(ModelError, match="has no layer layer4"):
        refitted(path, torch.nn.Linear(2, 2))
    with pytest.raises(ModelError, match="is no head"):
        refitted(tmp_path / "none.safetensors", torch.nn.Linear(2, 2))


def test_the_report_takes_the_head_along(session, tmp_path):
    written = session.report(tmp_path)
    assert (
        written[f"{session.name}-{FILE}"].read_bytes()
        == (session.journal.folder / FILE).read_bytes()
    )


def test_planted_data_are_biased_and_their_test_is_not():
    world = planted_world(16, 16)
    seen = {(s.things[0].shape, s.background) for s in map(world.data.scene, range(16))}
    fair = {(s.things[0].shape, s.background) for s in map(world.held_out.scene, range(16))}
    assert seen == set(PAIRS.items())
    assert len(fair) == 16
    loose = planted_world(400, 16, purpose="mostly biased").data
    other = [s.background != PAIRS[s.things[0].shape] for s in map(loose.scene, range(400))]
    assert sum(other) == 20 and loose.digest != planted_world(400).data.digest


def test_data_without_a_class_are_named():
    world = planted_world(2, 16)
    with pytest.raises(DataError, match="'fish' has no image in 2 biased scenes"):
        read(lambda images: np.zeros((len(images), 3), np.float32), world.data, world)


def test_cells_that_do_not_cross_are_refused():
    with pytest.raises(DataError, match="do not cross"):
        Crossing.measure({("a", "b"): []}, {})


# Photographs: images in folders, of which nothing else is known.


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Large things in the middle, in folders as Spawrious has them: place, then class."""
    root = tmp_path_factory.mktemp("photos")
    rng = stream("photographs", 0)
    things, grounds = {"star": "corgi", "fish": "husky"}, {"grass": "meadow", "snow": "winter"}
    tied = dict(zip(things, grounds, strict=True))
    for part, n in (("biased", 40), ("balanced", 20)):
        for thing, ground in [(t, g) for t in things for g in grounds]:
            if part == "biased" and tied[thing] != ground:
                continue
            folder = root / part / grounds[ground] / things[thing]
            folder.mkdir(parents=True)
            for i in range(n):
                scene = sample(rng, [{"shape": thing, "size": "large"}], ground)
                scene = replace(scene, things=(replace(scene.things[0], x=0.5, y=0.5),))
                Image.fromarray(render(scene, 96)).save(folder / f"{i}.png")
    return root


def test_photographs_in_folders_of_places_and_classes_are_enough(folders, tmp_path):
    net = build("scenes")
    session = spurious(
        net,
        "layer4",
        data=folders / "biased",
        balanced=folders / "balanced",
        preprocess=preprocess,
        agent="offline",
        review="auto",
        folder=tmp_path,
        name="dogs",
    ).wait()
    table, confusion, *_ = session.tables
    assert confusion.columns[1:] == ("corgi", "husky")
    assert str(session.opened.question.unit).startswith("dogs/layer4/")
    found = {row[0]: float(row[2].split()[0]) for row in table.rows}
    assert found["SELECTIVE units"] > 0.9 and found["all units"] > 0.9
    assert "already generalises" in table.note
    assert "collages" in session.tables[-1].note
    assert dict(session.opened.setting.options)["balanced"] == str(folders / "balanced")


def test_a_collage_has_the_centre_of_one_and_the_rest_of_another(folders):
    world = open_study("scenes/layer4/0", data=folders / "biased").world
    known = words(world)
    cells = collage(["corgi"], ["corgi", "husky"], world, 3, 0)
    (same, other) = (np.asarray(cells["corgi", ground][0]) for ground in ("corgi", "husky"))
    assert (same[48, 48] == other[48, 48]).all()
    assert (same[:8] != other[:8]).mean() > 0.5
    # The label stays that of the thing.
    assert known.concepts(cells["corgi", "husky"][0]) == {"corgi"}


def test_what_is_missing_is_said_before_any_experiment(folders, tmp_path):
    def begin(data, **options):
        spurious("scenes", "layer4", data=data, agent="offline", folder=tmp_path, **options)

    one = folders / "biased" / "winter"
    with pytest.raises(DataError, match="have no two classes"):
        begin(one, generator=None)
    alone = tmp_path / "alone"
    for name, n in (("corgi", 20), ("husky", 0)):
        (alone / name).mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (32, 32), (i * 9, 90, 30)).save(alone / name / f"{i}.png")
    with pytest.raises(DataError, match="'husky' is an empty folder"):
        begin(alone)
    with pytest.raises(DataError, match="is not a folder"):
        begin(folders / "biased", balanced=tmp_path / "nowhere")
    with pytest.raises(WorldError, match="no words for backgrounds"):
        begin(replace(planted_world(40, 40), vocabulary={"shape": tuple(PAIRS)}))
    with pytest.raises(WordsError, match="'a dragon on a grass background'"):
        kinds = {"shape": ("star", "dragon"), "background": ("grass", "sand")}
        begin(replace(planted_world(40, 40), vocabulary=kinds))


def test_units_that_an_edited_cell_left_out_keep_what_was_seen_of_them():
    def crossed(step, units):
        lines = (f"net/a/{u}  SELECTIVE: 90% of it, thing, 5% with it" for u in units)
        return Observed(step, Observation((Text("\n".join(lines)),)))

    lines = [crossed(1, (1, 2)), crossed(2, (2,))]
    said = offline_spurious.propose(Briefing(None, lines, 3, must_conclude=False))
    assert [a.says.count("thing") for a in said.answers] == [1, 2]


def test_a_share_that_is_rounded_up_to_the_line_does_not_cross_it():
    almost = Selectivity(0.796, 0.2, 0.004)
    assert almost.verdict == "SPURIOUS" and "80% of" in str(almost)
    lines = [Observed(n, Observation((Text(f"net/a/1  {almost}"),))) for n in (1, 2)]
    said = offline_spurious.propose(Briefing(None, lines, 3, must_conclude=False))
    assert said.answers[0].says.startswith("SPURIOUS")


def test_a_gain_says_on_how_many_seeds_it_could_not_be_taken():
    heads = dict.fromkeys(ROWS.values(), 0.5) | {"units": 4.0, "seconds": 1.0}
    without = {name: value for name, value in heads.items() if name not in ("l1", "random")}
    notes = {row.name: row.note for row in _rows("C", [heads, without])}
    assert notes["gain/all"] == "" and "without 1 of 2 seeds" in notes["gain/random"]
