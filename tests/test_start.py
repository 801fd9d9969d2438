"""Sessions brought together: a model of the user's own, its own images, and going on later."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import maia_lab
from maia_lab.errors import DataError, ModelError, SessionError, WorldError
from maia_lab.events import Noted, Setting
from maia_lab.report.notebook import setup
from maia_lab.report.story import Story
from maia_lab.state import Phase
from maia_lab.system import together


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of small photographs, one of them broken."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for number in range(60):
        tone = random.integers(0, 255, 3)
        pixels = np.clip(tone + random.normal(0, 20, (24, 24, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
    return folder


@pytest.fixture
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 4, 3)
    )


PREPARED = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 16)


def test_a_network_of_ones_own_is_studied_on_ones_own_images(net, photos, tmp_path):
    session = maia_lab.describe(
        net,
        "0",
        3,
        preprocess=PREPARED,
        data=photos,
        generator="scenes",
        review="auto",
        folder=tmp_path,
    ).wait()
    assert session.opened.setting.generator == "scenes renderer"
    assert session.opened.setting.data == f"{photos.name} (48 images, 12 more held out)"
    assert str(session.opened.question.unit) == "net/0/3"
    skipped, other = [e.text for e in session.journal.events if isinstance(e, Noted)]
    assert "broken.jpg" in skipped and "scenes" in other
    assert session.conclusion is not None
    (score,) = session.scores
    assert "nothing can tell" in score.note
    paths = session.report(tmp_path / "out")
    assert all(path.is_file() for path in paths.values())
    code = setup(Story.read(session.journal))
    assert "open_study(..., '0', 3, name='net', preprocess=..., seed=0, data=" in code
    names = {"net": net, "PREPARED": PREPARED}
    exec(code.replace("(...", "(net").replace("=...", "=PREPARED"), names)
    assert names["study"].digests == session.opened.setting.digests
    assert not net[0]._forward_hooks and net.training


def test_an_agent_that_knows_images_by_words_is_not_sent_where_there_are_none(net, photos):
    with pytest.raises(WorldError, match="a folder for each label"):
        maia_lab.describe(net, "0", 3, preprocess=PREPARED, data=photos)


def test_a_network_is_never_silently_shown_scenes(net, tmp_path):
    with pytest.raises(WorldError, match="--data FOLDER"):
        maia_lab.describe(net, "0", 3, preprocess=PREPARED, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_any_function_of_images_can_be_studied(tmp_path):
    def redness(images):
        return np.array([np.asarray(image)[..., 0].mean() for image in images])

    study = maia_lab.open_study(redness, data="scenes", name="redness")
    values = study.system.values(study.tools.text2image(["a large red square", "a blue ring"]))
    assert values.shape == (2,)
    assert study.world.generator is not None and str(study.unit) == "redness/output/0"


def test_a_direction_is_a_unit_of_its_own(net, photos):
    vector = np.zeros(8)
    vector[3], vector[5] = 1, -1
    along = maia_lab.open_study(
        net, "0", "contrast", preprocess=PREPARED, data=photos, direction=vector
    )
    image = along.tools.dataset_sample(1)
    third, fifth = (
        maia_lab.open_study(net, "0", i, preprocess=PREPARED, data=photos) for i in (3, 5)
    )
    difference = (
        third.system.call_neuron(image, "mean")[0][0]
        - fifth.system.call_neuron(image, "mean")[0][0]
    )
    assert along.system.call_neuron(image, "mean")[0][0] == pytest.approx(difference, abs=1e-4)
    both = maia_lab.open_study(
        net, "0", "contrast", beside=["net/0/0"], models={"net": net}, preprocess=PREPARED,
        data=photos, direction=vector,
    )  # fmt: skip
    answers = together(both.systems, image)[0]
    assert answers.tolist() == [system.values(image)[0] for system in both.systems.values()]
    with pytest.raises(ModelError, match="8 numbers"):
        maia_lab.open_study(
            net, "0", "short", preprocess=PREPARED, data=photos, direction=[1.0, 2.0]
        )


def test_a_unit_beside_another_may_have_commas_in_its_name(net, photos, tmp_path):
    names = ("tench, Tinca tinca", "goldfish, Carassius auratus", "ray", "hen")
    session = maia_lab.describe(
        net, "logits", names[0], beside=[f"net/logits/{names[1]}"], models={"net": net},
        classes=names, preprocess=PREPARED, data=photos, generator="scenes", folder=tmp_path,
    )  # fmt: skip
    session.journal.close()
    setting = session.opened.setting
    assert setting.beside == [f"net/logits/{names[1]}"]
    assert session.opened.about == f"net/logits/{names[0]} and net/logits/{names[1]}"
    assert f"beside=['net/logits/{names[1]}']" in setup(Story.read(session.journal))
    earlier = replace(setting, options=(("beside", "net/a/1,net/a/2"),))
    assert earlier.beside == ["net/a/1", "net/a/2"] and Setting("", "", "").beside == []


def test_a_session_goes_on_only_with_the_same_weights(net, photos, tmp_path):
    given = {"preprocess": PREPARED, "data": photos}
    session = maia_lab.describe(
        net, "0", 1, review="auto", folder=tmp_path, generator="scenes", **given
    )
    session.pause("for the night")
    session.journal.close()
    with torch.no_grad():
        net[0].weight += 0.5
    other = maia_lab.open_study(net, "0", 1, **given)
    with pytest.raises(SessionError, match="objects of its own"):
        maia_lab.resume(session.name, folder=tmp_path)
    with pytest.raises(SessionError, match="not the weights"):
        maia_lab.resume(session.name, study=other, folder=tmp_path)


def test_a_session_goes_on_only_with_the_same_unit_and_the_same_generator(net, photos, tmp_path):
    given = {"preprocess": PREPARED, "data": photos, "folder": tmp_path, "review": "auto"}
    session = maia_lab.describe(net, "0", 1, generator="scenes", **given)
    session.pause("for the night")
    session.journal.close()
    given = {"preprocess": PREPARED, "data": photos}
    neighbour = maia_lab.open_study(net, "0", 2, generator="scenes", **given)
    with pytest.raises(SessionError, match="not the unit"):
        maia_lab.resume(session.name, study=neighbour, folder=tmp_path)
    retrieving = replace(
        maia_lab.open_study(net, "0", 1, **given),
        digests=(*session.opened.setting.digests, ("generator", "what it learned")),
    )
    with pytest.raises(SessionError, match="not the generator"):
        maia_lab.resume(session.name, study=retrieving, folder=tmp_path)


def test_a_session_is_free_again_when_ctrl_c_ends_an_attempt_to_go_on(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    session = maia_lab.describe(
        "synthetic/dead/1", review="auto", folder=tmp_path, session="night", max_steps=4
    )
    session.pause("for the night")
    session.journal.close()
    with monkeypatch.context() as patch:
        patch.setattr("maia_lab.start.again", interrupted)
        with pytest.raises(KeyboardInterrupt) as kept:
            maia_lab.resume("night", folder=tmp_path)
    again = maia_lab.resume("night", folder=tmp_path)
    assert again.journal.why == "" and kept.tb is not None
    again.journal.close()


def test_a_paused_session_goes_on_where_it_was(tmp_path):
    unit = "synthetic/one/1001"
    session = maia_lab.describe(unit, review="auto", folder=tmp_path, session="night", max_steps=4)
    session.pause("for the night")
    session.journal.close()
    again = maia_lab.resume("night", folder=tmp_path, review="auto").wait()
    assert again.state.phase is Phase.CONCLUDED and again.state.step <= 4


def test_a_name_that_is_taken_and_a_folder_that_is_not_one_are_refused(photos, tmp_path):
    unit = "synthetic/dead/1"
    maia_lab.describe(unit, review="auto", folder=tmp_path, session="mine").journal.close()
    with pytest.raises(maia_lab.MaiaError, match="mine"):
        maia_lab.describe(unit, review="auto", folder=tmp_path, session="mine")
    with pytest.raises(DataError, match="neither a folder"):
        maia_lab.describe(unit, data=photos / "no such", folder=tmp_path)
