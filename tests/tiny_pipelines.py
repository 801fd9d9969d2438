"""Diffusion pipelines with a handful of random weights, saved as any other is."""

from __future__ import annotations

import json

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
)

WIDTH = 32


def tokenizer(folder):
    """One token a letter, and the two that begin and end."""
    letters = [chr(c) for c in range(33, 127)]
    said = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(said)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def text_encoder(words):
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=1,
        num_attention_heads=4, projection_dim=WIDTH, eos_token_id=len(words) - 1,
        bos_token_id=len(words) - 2, pad_token_id=len(words) - 1,
    )  # fmt: skip
    return CLIPTextModel(config)


def vae(latents=4):
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=latents, norm_num_groups=4,
        layers_per_block=1, sample_size=32, shift_factor=0.0, scaling_factor=0.2,
    )  # fmt: skip


def unet(channels, **more):
    torch.manual_seed(0)
    told = {
        "sample_size": 4, "in_channels": channels, "out_channels": 4, "layers_per_block": 1,
        "block_out_channels": (8, 16), "norm_num_groups": 4, "cross_attention_dim": WIDTH,
        "attention_head_dim": 4, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }  # fmt: skip
    return UNet2DConditionModel(**told | more)


def checker(blanks):
    """A safety checker that objects to every image, or to about half of them by what they show."""
    torch.manual_seed(1)
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    made = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=16))
    made.concept_embeds_weights.data[:] = -1.1 if blanks == "all" else 1.1
    made.special_care_embeds_weights.data[:] = 1.1
    return made


def stable_diffusion(folder, edits=False, blanks=None):
    """Save a Stable Diffusion, or an InstructPix2Pix, and return where."""
    words = tokenizer(folder.parent / "words")
    parts = {
        "vae": vae(), "tokenizer": words, "text_encoder": text_encoder(words),
        "unet": unet(8 if edits else 4),
        "scheduler": DDIMScheduler(steps_offset=1, clip_sample=False),
        "safety_checker": blanks and checker(blanks),
        "feature_extractor": CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
    }  # fmt: skip
    family = StableDiffusionInstructPix2PixPipeline if edits else StableDiffusionPipeline
    family(**parts, requires_safety_checker=bool(blanks)).save_pretrained(folder)
    return folder


def stable_diffusion_xl(folder, edits=False):
    """Save a Stable Diffusion XL, or its InstructPix2Pix: with two text encoders."""
    words = tokenizer(folder.parent / "words")
    torch.manual_seed(0)
    config = text_encoder(words).config
    parts = {
        "vae": vae(), "tokenizer": words, "tokenizer_2": words,
        "text_encoder": CLIPTextModel(config),
        "text_encoder_2": CLIPTextModelWithProjection(config),
        "unet": unet(
            8 if edits else 4, cross_attention_dim=2 * WIDTH, addition_embed_type="text_time",
            addition_time_embed_dim=8, projection_class_embeddings_input_dim=WIDTH + 6 * 8,
            use_linear_projection=True,
        ),
        "scheduler": EulerDiscreteScheduler(),
    }  # fmt: skip
    family = StableDiffusionXLInstructPix2PixPipeline if edits else StableDiffusionXLPipeline
    family(**parts).save_pretrained(folder)
    return folder


def flux(folder, edits=False):
    """Save a FLUX.1, or its Kontext, its second tokenizer being the first again."""
    words = tokenizer(folder.parent / "words")
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=WIDTH, pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    second = T5EncoderModel(
        T5Config(vocab_size=len(words), d_model=WIDTH, d_kv=8, d_ff=WIDTH, num_layers=1,
                 num_heads=4)
    )  # fmt: skip
    family = FluxKontextPipeline if edits else FluxPipeline
    family(
        vae=vae(4), text_encoder=text_encoder(words), tokenizer=words, text_encoder_2=second,
        tokenizer_2=words, transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(),
    ).save_pretrained(folder)  # fmt: skip
    return folder
