"""Images drawn, found and changed by what a photograph's world is given: real pipelines, tiny."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import maia_lab
from maia_lab import provenance
from maia_lab.doors import open_world
from maia_lab.errors import (
    DataError,
    ModelError,
    SessionError,
    UnitError,
    WordsError,
    WorldError,
)
from maia_lab.events import Observed, Opened
from maia_lab.imaging.pipeline import Pipeline
from maia_lab.provenance import origin, pixel_hash
from maia_lab.scoring.trial import trial
from maia_lab.study import open_study
from maia_lab.systems.function import Function
from maia_lab.tasks.compare import _images as held_out_or_drawn

COLOURS = {"red_fruit": (200, 40, 40), "leaf": (40, 160, 60), "big leaf": (40, 60, 200)}


@pytest.fixture
def small(device):
    """Settings with which a model draws at once, where the tests are to run."""
    return f"steps=2,size=32,device={device},dtype=float32"


def redness(images):
    means = [np.asarray(image, float).mean((0, 1)) for image in images]
    return [max(0.0, float(red - (green + blue) / 2)) for red, green, blue in means]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root, chance = tmp_path_factory.mktemp("photos"), np.random.default_rng(4)
    for name, colour in COLOURS.items():
        (root / name).mkdir()
        for i in range(15):
            pixels = np.array(colour) + chance.normal(0, 25, (24, 36, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The folders of tiny pipelines by name, saved as real ones are."""
    import tiny_pipelines as tiny

    root = tmp_path_factory.mktemp("models")
    return {
        "sd": tiny.stable_diffusion(root / "sd"),
        "pix2pix": tiny.stable_diffusion(root / "pix2pix", edits=True),
        "xl": tiny.stable_diffusion_xl(root / "xl"),
        "xl-pix2pix": tiny.stable_diffusion_xl(root / "xl-pix2pix", edits=True),
        "flux": tiny.flux(root / "flux"),
        "kontext": tiny.flux(root / "kontext", edits=True),
        "blanking": tiny.stable_diffusion(root / "blanking", blanks="all"),
    }


def world(folder, **options):
    return open_world(Function(redness, "redness"), folder, **options)


def text(call, kind):
    with pytest.raises(kind) as raised:
        call()
    return str(raised.value)


def test_an_image_follows_its_seed_whatever_is_drawn_beside_it(models, folder, small):
    for name in ("sd", "xl", "flux"):
        generator = world(folder, generator=f"diffusers:{models[name]},{small},batch=2").generator
        three = generator.generate(["a cat", "a dog", "a cat"], [1, 2, 3])
        (again,) = generator.generate(["a cat"], [1])
        assert [image.size for image in three] == [(32, 32)] * 3
        np.testing.assert_allclose(np.asarray(again, int), np.asarray(three[0], int), atol=1)
        assert pixel_hash(three[0]) != pixel_hash(three[2])
        made = origin(three[1])
        assert (made.kind, made.text) == ("generated", "a dog")
        assert generator.digest[:8] in made.by and "steps 2" in made.by
        generator.free()
        np.testing.assert_array_equal(generator.generate(["a cat"], [1])[0], again)


def test_an_instruction_is_followed_by_the_model_unless_none_is_needed(models, folder, small):
    photos = world(folder, editor=f"diffusers:{models['pix2pix']},{small},image_guidance=1.2")
    image, other = photos.data[3], Image.new("RGB", (30, 50), "green")
    edited = photos.editor.edit(
        [image, image, other], ["make it night", "make it gray", "make it night"], [1, 2, 3]
    )
    assert [e.size for e in edited] == [image.size, image.size, other.size]
    assert [origin(e).kind for e in edited] == ["redrawn", "edited", "redrawn"]
    assert origin(edited[0]).parent == provenance.base(edited[0]) == pixel_hash(image)
    # Nobody has looked at what the model left of the photograph.
    assert photos.words.concepts(edited[0]) == frozenset()
    assert photos.words.concepts(edited[1]) == photos.words.concepts(image) != frozenset()
    assert "blur it" in photos.vocabulary["edit"] and len(photos.vocabulary["label"]) == 3


@pytest.mark.parametrize("name", ["pix2pix", "xl-pix2pix", "kontext"])
def test_an_image_keeps_its_proportions_in_the_model_that_redraws_it(models, device, name):
    settings = f"steps=1,size=48,device={device},dtype=float32"
    wide = Image.new("RGB", (96, 48), (200, 20, 20))
    editor = Pipeline(f"{models[name]},{settings}", "editor")
    assert editor.run(["make it a dog"], [1], [wide])[0][0].size == wide.size


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Make the image black and white.", "make it gray"),
        ("shuffle the patches", "shuffle its patches"),
        ("Occlude the center", "cover its centre"),
        ("hide the left half", "cover its left half"),
        ("invert the colors", "invert its colours"),
        ("remove the background", None),
        ("make it grayish", None),
    ],
)
def test_a_plain_instruction_may_be_spelt_otherwise_and_nothing_else_is_taken_for_it(said, meant):
    from maia_lab.imaging.plain_edits import known

    assert known(said) == meant


def test_every_plain_instruction_does_what_it_says():
    from maia_lab.imaging.plain_edits import EDITS, MORE, PlainEditor

    pixels = np.random.default_rng(0).integers(0, 200, (40, 60, 3)).astype(np.uint8)
    pixels[:, :30, 0] = 220
    image = Image.fromarray(pixels)
    texts = list(EDITS | MORE)
    done = dict(zip(texts, PlainEditor().edit([image] * 20, texts, [1] * 20), strict=True))
    assert {e.size for e in done.values()} == {image.size}
    assert len({pixel_hash(e) for e in done.values()} | {pixel_hash(image)}) == 21
    np.testing.assert_array_equal(
        np.asarray(done["swap red and blue"]), np.asarray(image)[..., ::-1]
    )
    half = np.asarray(done["cover its left half"])
    assert np.ptp(half[:, :30], axis=(0, 1)).max() == 0
    np.testing.assert_array_equal(half[:, 30:], pixels[:, 30:])
    means = {text: np.asarray(done[f"make it {text}"]).mean() for text in ("darker", "brighter")}
    assert means["darker"] < pixels.mean() < means["brighter"]


def test_another_worlds_generator_is_told_of(folder):
    photos = world(folder, generator="scenes")
    assert "draws another world than" in photos.remarks[-1]
    assert not any("another world" in said for said in world(folder).remarks)


def test_a_blanked_image_is_drawn_again_and_never_handed_out(models, folder, monkeypatch, small):
    photos = world(folder, generator=f"diffusers:{models['blanking']},{small}")
    said = text(lambda: photos.generator.generate(["a cat", "a cat"], [1, 2]), WordsError)
    assert "'a cat' came out black in all of 4 tries (2 images)" in said
    # The same checker, of which one look in two is blind.
    checker = photos.generator._pipeline._pipe.safety_checker
    strict, looks = checker.forward, []

    def sometimes(**given):
        looks.append(1)
        return strict(**given) if len(looks) == 1 else (given["images"], [False])

    monkeypatch.setattr(checker, "forward", sometimes)
    (drawn,) = photos.generator.generate(["a cat"], [1])
    assert drawn.getbbox()
    assert photos.generator.remarks == [
        "'a cat' came out black, by a safety checker or numbers out of range, and was drawn again"
        " from another seed: 1 time."
    ]


def test_a_batch_is_halved_where_memory_does_not_suffice(
    models, folder, monkeypatch, small, device
):
    generator = world(folder, generator=f"diffusers:{models['sd']},{small}").generator
    unet, sizes = generator._pipeline._pipe.unet, []
    forward = unet.forward

    def tight(sample, *given, **further):
        sizes.append(len(sample))
        if len(sample) > 4:  # Two images, each with and without its words.
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(sample, *given, **further)

    monkeypatch.setattr(unet, "forward", tight)
    assert len(generator.generate(["a", "b", "c", "d"], [1, 2, 3, 4])) == 4
    assert max(sizes) == 8 and sizes.count(8) == 1
    monkeypatch.setattr(unet, "forward", lambda *_, **__: tight([0] * 8))
    assert f"memory for one image on {device}" in text(
        lambda: generator.generate(["a"], [1]), ModelError
    )


def test_a_model_that_cannot_be_used_is_told_with_what_to_do(models, folder, tmp_path):
    sd, pix2pix = models["sd"], models["pix2pix"]

    def refused(address, use="generator", kind=ModelError):
        return text(lambda: world(folder, **{use: f"diffusers:{address}"}), kind)

    assert "fetch it: hf download nobody/nothing" in refused("nobody/nothing")
    assert "no model_index.json" in refused(folder)
    assert "StableDiffusionPipeline, which is a generator" in refused(sd, "editor")
    assert "InstructPix2PixPipeline, which is an editor" in refused(pix2pix)
    assert "'steps=0' is out of range" in refused(f"{sd},steps=0")
    assert "'steps=many' is not a number" in refused(f"{sd},steps=many")
    assert "choose dtype=float32 or float16" in refused(f"{sd},dtype=half")
    assert "sets nothing there is; set steps, guidance" in refused(f"{sd},speed=9")
    assert "'device=tpu' is not there; set device=cpu" in refused(f"{sd},device=tpu")
    assert "needs a GPU" in refused(f"{sd},device=cpu,offload=model")
    odd = world(folder, generator=f"diffusers:{sd},size=33,steps=1,device=cpu").generator
    assert "divisible by 8" in text(lambda: odd.generate(["a cat"], [1]), ModelError)
    broken = shutil.copytree(sd, tmp_path / "broken")
    (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"short")
    assert "cannot be loaded" in refused(broken)
    shutil.rmtree(broken / "vae")
    assert "lacks its vae" in refused(broken)
    index = json.loads((broken / "model_index.json").read_text())
    (broken / "model_index.json").write_text(json.dumps(index | {"_class_name": "FutureOne"}))
    assert "FutureOne, which diffusers" in refused(broken)
    assert "try diffusers" in text(lambda: world(folder, generator="difusers:x"), UnitError)


def test_photographs_are_found_by_their_folder_and_never_the_held_out_ones(folder, tmp_path):
    photos = world(folder, generator=f"retrieve:{folder}")
    generator = photos.generator
    found = generator.generate(["a photo of a leaf"] * 8 + ["red fruits"], range(9))
    assert len({pixel_hash(image) for image in found}) == 9
    held_out = {pixel_hash(image) for image in photos.held_out}
    assert not held_out & {pixel_hash(i) for i in generator.generate(["leaf"] * 40, range(40))}
    assert [photos.words.concepts(i) for i in found[-2:]] == [{"leaf"}, {"red_fruit"}]
    assert generator.remarks == []
    (wide,) = generator.generate(["a big leaf in the snow"], [1])
    assert photos.words.concepts(wide) == {"big_leaf"}
    assert generator.remarks[0].endswith("nothing looked for: in, snow.")
    for prompt, why in (("a cat", "no label"), ("a leaf and a red fruit", "several labels")):
        said = text(lambda p=prompt: generator.generate([p], [1]), WordsError)
        assert why in said and "use one of big_leaf, leaf, red_fruit" in said
    for i in range(12):
        Image.new("RGB", (8, 8), (i * 20, 0, 0)).save(tmp_path / f"{i}.png")
    said = text(lambda: world(folder, generator=f"retrieve:{tmp_path}"), DataError)
    assert "a folder for each label" in said


def test_what_drew_and_edited_is_in_the_journal_and_must_be_the_same_again(
    models, folder, tmp_path, monkeypatch, small
):
    monkeypatch.chdir(folder.parent)
    generator, model = f"retrieve:{folder.name}", shutil.copytree(models["pix2pix"], tmp_path / "p")
    session = maia_lab.describe(
        redness, data=folder, generator=generator, review="auto", folder=tmp_path,
        editor=f"diffusers:{model},{small}", max_steps=3, session="first",
    )  # fmt: skip
    setting = next(e for e in session.journal.events if isinstance(e, Opened)).setting
    assert setting.generator == f"retrieval from {folder.name} (45 images)"
    assert setting.editor.startswith("p (") and dict(setting.options)["generator"].endswith(
        str(folder.resolve())
    )
    session.journal.close()
    (model / "unet" / "config.json").write_text(
        (model / "unet" / "config.json").read_text().replace("}", "\n}")
    )
    study = open_study(
        redness, data=folder, generator=generator, editor=f"diffusers:{model},{small}"
    )
    with pytest.raises(SessionError, match="not the editor"):
        maia_lab.resume("first", study=study, folder=tmp_path)


def test_the_offline_agent_describes_photographs_with_what_it_finds(folder, tmp_path):
    session = maia_lab.describe(
        redness, data=folder, generator=f"retrieve:{folder}", review="auto", folder=tmp_path
    ).wait()
    assert session.conclusion.labels == ("red_fruit",)
    observed = [e.observation for e in session.journal.events if isinstance(e, Observed)]
    assert {at.outcome for at in observed} == {"done"}, "no photograph has two labels, or none"
    assert not any("nothing looked for" in at.text for at in observed)


def test_what_a_maker_has_to_say_of_its_images_is_told_once(folder):
    study = open_study(redness, data=folder, generator=f"retrieve:{folder}")
    told: list[str] = []

    class Recorder:
        remark = staticmethod(told.append)
        text = staticmethod(lambda _: None)

    study.tools.recorder.target = Recorder()
    study.tools.text2image("a leaf on ice", per_prompt=3)
    study.tools.text2image("leaf")
    assert len(told) == 1 and "nothing looked for: on, ice" in told[0]


def test_found_photographs_stand_for_no_drawn_ones_where_a_conclusion_is_scored(folder):
    photos = world(folder, generator=f"retrieve:{folder}")
    scored = trial(None, photos, ["leaf"])
    assert scored.note.endswith("finds images that experiments may have seen") and not scored.high
    study = open_study(redness, data=folder, generator=f"retrieve:{folder}")
    with pytest.raises(WorldError, match="is in none of the held-out images"):
        held_out_or_drawn(study, "leaf", [])
