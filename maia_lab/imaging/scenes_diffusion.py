"""A small Stable Diffusion that can be trained to draw scenes: its parts, with random weights.

It is made of what large ones are made of, and saved as they are: a CLIP text encoder, whose tokens
are the words that scenes know; an autoencoder that makes 16 × 16 positions of 8 numbers from an
image of 64 × 64 pixels, and an image from them; and a UNet that takes noise away from these numbers
as the words ask, told what to take by v-prediction.

``python -m maia_lab.imaging --out FOLDER`` trains one, and
``--generator diffusers:FOLDER`` draws with it, as with any other.
"""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import diffusers
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from maia_lab.scenes import lexicon
from maia_lab.scenes.prompts import SIDE

WIDTH = 96
"""Channels of the UNet where it is widest; the sizes of all parts follow from it."""
END = "</w>"
"""Of a word, as CLIP writes it."""
WORDS = 40
"""Tokens of a prompt at most."""
LATENTS, SHRINKS = 8, 4
"""Numbers at each position of what the autoencoder makes, and pixels along a side of one."""
GROUPS = 4
"""Of channels that are normalised together: each holds several, or colour would be lost."""


def build(width: int, seed: int) -> Any:
    """Make the pipeline with random weights; ``width`` is a multiple of 12."""
    library: Any = diffusers
    deep, third = width * 4 // 3, width // 3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokens = tokenizer()
        parts: dict[str, Any] = {
            "tokenizer": tokens,
            "text_encoder": CLIPTextModel(
                CLIPTextConfig(
                    vocab_size=len(tokens), hidden_size=deep, intermediate_size=4 * deep,
                    num_hidden_layers=2, num_attention_heads=4, projection_dim=deep,
                    max_position_embeddings=WORDS, bos_token_id=tokens.bos_token_id,
                    eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id,
                )
            ),
            "vae": library.AutoencoderKL(
                block_out_channels=(third, 2 * third, 2 * third), layers_per_block=1,
                down_block_types=("DownEncoderBlock2D",) * 3, latent_channels=LATENTS,
                up_block_types=("UpDecoderBlock2D",) * 3, norm_num_groups=GROUPS,
                mid_block_add_attention=False, sample_size=SIDE,
            ),
            "unet": library.UNet2DConditionModel(
                sample_size=SIDE // SHRINKS, in_channels=LATENTS, out_channels=LATENTS,
                block_out_channels=(width, deep), layers_per_block=1, cross_attention_dim=deep,
                down_block_types=("SimpleCrossAttnDownBlock2D",) * 2,
                mid_block_type="UNetMidBlock2DSimpleCrossAttn",
                up_block_types=("SimpleCrossAttnUpBlock2D",) * 2, norm_num_groups=GROUPS,
                attention_head_dim=width // 3, only_cross_attention=(True, False),
                addition_embed_type="text", addition_embed_type_num_heads=4,
            ),
            "scheduler": library.DPMSolverMultistepScheduler(
                beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction",
                timestep_spacing="trailing", steps_offset=1,
            ),
        }  # fmt: skip
    return library.StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


@cache
def tokenizer() -> CLIPTokenizer:
    """Read each of the words that scenes know as one token, and any other as several."""
    merges = _merges(lexicon.words())
    signs = [sign for sign in string.printable if not sign.isspace()]
    words = [*signs, *(sign + END for sign in signs), *map("".join, merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    with TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
        rows = ["#version: 0.2", *map(" ".join, merges)]
        (path / "merges.txt").write_text("\n".join(rows) + "\n")
        made: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=WORDS)
    return made


def _merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """Byte pairs (Sennrich et al. 2016) until every word is whole, in the order they are joined.

    The trainer of tokenizers leaves to chance which of equals comes first, and so the numbers that
    a model's weights are for.
    """
    split = [[*word[:-1], word[-1] + END] for word in words]
    merges = []
    while pairs := Counter(pair for word in split for pair in pairwise(word)):
        first, second = best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word in split:
            for i in reversed(range(len(word) - 1)):
                if word[i : i + 2] == [first, second]:
                    word[i : i + 2] = [first + second]
    return merges
