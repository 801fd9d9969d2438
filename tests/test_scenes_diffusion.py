"""A diffusion model of scenes: trained for some steps by its real command, opened as any other."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maia_lab.bench import diffusion
from maia_lab.doors import open_model, open_world, vocabulary
from maia_lab.imaging import course, scenes_training
from maia_lab.imaging.__main__ import main
from maia_lab.imaging.generate import SCENES
from maia_lab.imaging.scenes_diffusion import WIDTH, WORDS, build, tokenizer
from maia_lab.provenance import origin, pixel_hash
from maia_lab.scenes import lexicon
from maia_lab.scenes.captions import caption
from maia_lab.scenes.prompts import pairs
from maia_lab.scenes.sample import sample, stream
from maia_lab.scenes.world import SceneGenerator

TINY = ["--width", "24", "--images", "16", "--batch", "8"]
LEARNED = ("vae", "unet", "text_encoder")


@pytest.fixture(scope="module", autouse=True)
def few_at_a_time():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes_training, "PART", 16)
        yield


def weights(width):
    pipe = build(width, 0)
    return sum(p.numel() for name in LEARNED for p in getattr(pipe, name).parameters())


def train(folder, device, *options):
    return main(["--out", str(folder), "--device", device, *TINY, *options])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, device):
    """A model after 32 steps on 16 scenes, and what was said."""
    said, folder = [], tmp_path_factory.mktemp("trained") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maia_lab.imaging.__main__._say", said.append)
        patch.setattr(scenes_training, "FEWER", 1)
        patch.setattr(course, "RATE", 2e-3)
        patch.setattr(course, "WARM", 8)
        patch.setattr(course, "TOLD", -1)
        assert train(folder, device, "--steps", "32") == 0
    return folder, said


def test_both_losses_fall_and_the_weights_are_those_of_half_precision(trained):
    folder, said = trained
    for name in ("autoencoder", "unet"):
        losses = [float(s.split("loss ")[1].split(",")[0]) for s in said if s.startswith(name)]
        assert len(losses) >= 32
        assert np.mean(losses[-8:]) < 0.95 * np.mean(losses[:8])
    size = sum(path.stat().st_size for path in folder.glob("*/*.safetensors"))
    assert 2 * weights(24) < size < 2.2 * weights(24)


def test_the_usual_size_is_less_than_twelve_megabytes():
    assert 2 * weights(WIDTH) < 11.8e6


def test_it_opens_and_draws_as_any_other_generator(trained, device):
    folder, _ = trained
    world = open_world(
        open_model("scenes"), generator=f"diffusers:{folder},steps=3,device={device},dtype=float32"
    )
    prompts = ["a red ball", "a zebra of quartz on grass", "a red ball"]
    first, unknown, other = world.generator.generate(prompts, [1, 2, 3])
    (again,) = world.generator.generate(prompts[:1], [1])
    assert first.size == (64, 64) and first.mode == "RGB"
    np.testing.assert_allclose(np.asarray(again, int), np.asarray(first, int), atol=1)
    assert len({pixel_hash(image) for image in (first, unknown, other)}) == 3
    assert origin(first).kind == "generated" and world.generator.digest[:8] in origin(first).by


def test_a_training_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    options = ("--steps", "4", "--half")
    assert train(tmp_path / "whole", "cpu", *options) == 0
    saves, save = [], course.Course._save

    def save_and_stop(self):
        save(self)
        saves.append(self.path.stem)
        if saves in (["autoencoder"] * 2, ["autoencoder"] * 5 + ["unet"] * 3):
            raise KeyboardInterrupt

    monkeypatch.setattr(course, "SAVED", -1)
    monkeypatch.setattr(course.Course, "_save", save_and_stop)
    codes = [train(tmp_path / "parts", "cpu", *options) for _ in range(3)]
    assert codes == [130, 130, 0]
    for part in LEARNED:
        (whole,) = (tmp_path / "whole" / part).glob("*.safetensors")
        assert whole.read_bytes() == (tmp_path / "parts" / part / whole.name).read_bytes()


def test_a_folder_that_was_begun_otherwise_is_left_alone(trained, tmp_path, capsys):
    folder, _ = trained
    assert train(folder, "cpu", "--steps", "9", "--seed", "1") == 1
    assert "name another folder" in capsys.readouterr().out
    for wrong in (["--width", "90"], ["--batch", "0"], ["--device", "tpu"]):
        with pytest.raises(SystemExit):
            train(tmp_path, "cpu", *wrong)


def test_a_loss_that_is_no_number_ends_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(course, "RATE", float("inf"))
    assert train(tmp_path / "lost", "cpu", "--steps", "3") == 1
    assert "has a loss that is no number" in capsys.readouterr().out


def test_every_word_that_scenes_know_is_a_token_and_no_prompt_is_too_long():
    tokens = tokenizer()
    words = [word for word in lexicon.words() if word.isalpha()]
    assert {len(ids) for ids in tokens(words).input_ids} == {3}
    assert len(tokens("quartz").input_ids) > 3
    # Equals are joined in one order, whichever process does it: weights belong to numbers.
    assert tokens.convert_ids_to_tokens([189, 400, 600]) == ["th", "are", "ored</w>"]
    longest = [caption(sample(stream("test", i), [{}] * 4)) for i in range(50)]
    said = tokens([*pairs(0, 0, 50)[2], *longest]).input_ids
    assert max(map(len, said)) <= WORDS


def test_the_judge_sees_what_was_rendered_and_in_noise_no_more_than_by_chance():
    asked = diffusion.scenes(5, 60)
    prompts = [caption(scene) for scene in asked]
    rendered = SceneGenerator().generate(prompts, range(120))
    noise = [
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8))
        for i in range(120)
    ]
    chance = {"colour": 0.35, "background": 0.25, "shape": 0.25, "texture": 0.6}
    seen, unseen = (diffusion.recognised(asked, images) for images in (rendered, noise))
    for kind, most in chance.items():
        assert seen[kind].mean() > 0.98 and unseen[kind].mean() < most


def test_the_bench_holds_for_the_renderer_and_not_for_a_model_of_no_training(trained, tmp_path):
    good = {row.name: row for row in diffusion.diffusion([1], "scenes", n=6).rows}
    assert all(row.holds for row in good.values() if row.goal)
    address = f"diffusers:{trained[0]},steps=2"
    bad = {row.name: row for row in diffusion.diffusion([1], address, 6, tmp_path / "s.png").rows}
    assert good.keys() == bad.keys() and bad["shape"].holds is False
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.width > 500


def test_the_one_that_is_shipped_is_small_and_draws_what_it_is_asked_for():
    assert sum(path.stat().st_size for path in SCENES.rglob("*") if path.is_file()) <= 12e6
    rows = {row.name: row for row in diffusion.diffusion([2], "scenes-diffusion", n=10).rows}
    floors = {"background": 0.9, "colour": 0.8, "texture": 0.8, "shape": 0.7}
    assert {kind: rows[kind].value for kind in floors if rows[kind].value < floors[kind]} == {}


def test_the_one_that_is_shipped_has_words_and_a_world_and_takes_settings():
    world = open_world(open_model("scenes"), generator="scenes-diffusion:steps=2")
    assert vocabulary("scenes-diffusion")["shape"] == world.vocabulary["shape"]
    assert world.editor is not None and not world.remarks
    (drawn,) = world.generator.generate(["a red ball"], [1])
    assert "steps 2" in origin(drawn).by and world.generator.digest[:8] in origin(drawn).by
    other = open_world(open_model("planted"), generator="scenes-diffusion")
    assert "draws another world" in str(other.remarks)
