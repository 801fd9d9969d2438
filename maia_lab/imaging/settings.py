"""How a diffusion model is to run: written behind its name, ``NAME,steps=20,dtype=float16``."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from maia_lab.errors import ModelError

KINDS = {"int": int, "float": float, "str": str}
CHOICES = {
    "dtype": ("float32", "float16", "bfloat16"),
    "offload": ("model", "sequential"),
    "quantise": ("nf4", "int8"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a model is run with; what is not said is as its makers chose it."""

    steps: int = 0
    """Of denoising; 0: the model's own number."""
    guidance: float | None = None
    """How closely the words are followed."""
    image_guidance: float | None = None
    """How closely the image that is edited is followed, where the model asks for it."""
    size: int = 0
    """Pixels along each side of what is drawn, along the shorter side of what is edited."""
    batch: int = 4
    """Images at once; halved where memory does not suffice."""
    device: str = ""
    """Empty: a GPU where there is one."""
    dtype: str = ""
    """Empty: ``bfloat16`` on CUDA, ``float16`` on MPS, ``float32`` on a CPU."""
    offload: str = ""
    """``model`` or ``sequential``: parts wait in main memory until they are needed."""
    quantise: str = ""
    """``nf4`` or ``int8``: weights in 4 or 8 bits, by bitsandbytes."""
    variant: str = ""
    """Of the weight files, such as ``fp16``."""

    @classmethod
    def read(cls, address: str) -> tuple[str, Settings]:
        """Part an address into where the model is and how it is to run.

        Raises:
            ModelError: a setting is not known, or its value makes no sense.
        """
        where, *written = re.split(r",(?=\w+=)", address)
        known = {field.name: KINDS[str(field.type).split(" ")[0]] for field in fields(cls)}
        given: dict[str, object] = {}
        for part in written:
            name, _, value = part.partition("=")
            if name not in known:
                raise ModelError(part, "sets nothing there is", f"set {', '.join(known)}")
            if value not in (choices := CHOICES.get(name, (value,))):
                raise ModelError(part, "is no choice", f"choose {name}={' or '.join(choices)}")
            try:
                given[name] = number = known[name](value)
            except ValueError as error:
                raise ModelError(
                    part, "is not a number", f"write {name}=10, for example"
                ) from error
            lowest = 1 if known[name] is int else 0
            if not isinstance(number, str) and not lowest <= number < 1e5:
                raise ModelError(part, "is out of range", f"set {name} to {lowest} or more")
        return where, cls(**given)  # type: ignore[arg-type]
