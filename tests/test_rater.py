"""Who rates photographs says who it is and how well it did on scenes; labels need nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maia_lab.doors import open_rater
from maia_lab.errors import ModelError, UnitError
from maia_lab.scenes.scene import KINDS
from maia_lab.scenes.world import scenes_world
from maia_lab.scoring import evaluation
from maia_lab.scoring.rater import Calibrated, WordsRater


class Sees:
    """Looks at the words of scenes, and errs as often as it is told to."""

    name = "test rater"

    def __init__(self, words, errs):
        self.words, self.errs = WordsRater(words), errs

    def rate(self, images, labels, suppressed_by):
        right = self.words.rate(images, labels, suppressed_by)
        chance = np.random.default_rng(0).random(len(right))
        return np.where(chance < self.errs, 1 - right, right)


@pytest.fixture(scope="module")
def scenes():
    return scenes_world(n=1, held_out=120)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """CLIP's architecture, tiny and untrained, with a tokenizer of single words."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("clip")
    words = ["[pad]", "[unk]", "a", "photo", "of", *KINDS]
    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(words)}, unk_token="[unk]"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[pad]", unk_token="[unk]"
    ).save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    size |= {"num_attention_heads": 2}
    torch.manual_seed(0)
    CLIPModel(
        CLIPConfig(
            text_config=size | {"vocab_size": len(words), "max_position_embeddings": 16},
            vision_config=size | {"image_size": 32, "patch_size": 16},
            projection_dim=8,
        )
    ).save_pretrained(folder)
    return folder


def test_a_rater_is_calibrated_where_the_truth_is_known(scenes):
    perfect, fair, blind = (
        Calibrated(Sees(scenes.words, errs), scenes) for errs in (0.0, 0.2, 0.5)
    )
    assert perfect.r == pytest.approx(1) and 0.2 < fair.r < 0.8 and abs(blind.r) < 0.15
    assert fair.name.startswith("test rater, whose ratings go with what scenes hold by r 0.")


def test_scores_say_who_rated(system, world, exemplars):
    colours = replace(world, vocabulary={"colour": ("red", "green", "blue")})
    photos = replace(world, words=None, rater=Calibrated(Sees(world.words, 0.0), colours))
    (mine,) = evaluation.score(system, photos, exemplars, ["red"])
    assert mine.precision == 1
    said = "was said by test rater, whose ratings go with what plain hold by r 1.00 (30 images, 3"
    assert said in " ".join(evaluation.table([mine]).split())


def test_without_words_and_rater_the_score_says_why_there_is_none(system, world, exemplars):
    (mine,) = evaluation.score(system, replace(world, words=None), exemplars, ["red"])
    assert mine.precision is None and "nothing can tell" in mine.note


def test_clip_rates_from_a_folder_and_an_untrained_one_is_shown_to_know_nothing(clip, scenes):
    rater = open_rater(f"clip:{clip}")
    images = list(scenes.held_out)[:40]
    one, none = rater.rate(images, ["star"], []), rater.rate(images, ["star"], ["star"])
    assert one.shape == (40,) and ((one > 0) & (one < 1)).all() and (none < one).all()
    assert (rater.rate(images[::-1], ["star"], []) == one[::-1]).all()
    assert abs(rater.r) < 0.2 and rater.name.startswith("CLIP (clip")
    assert (rater.rate(images, ["star", "tree"], []) >= one).all()


def test_what_cannot_be_opened_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ModelError, match="holds no CLIP model"):
        open_rater(f"clip:{tmp_path}")
    with pytest.raises(UnitError, match="is not the name of a rater"):
        open_rater("crystal ball")
