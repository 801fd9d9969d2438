"""The measured promises: every number the documentation states has a bench here that prints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from maia_lab.bench.table import Table


@dataclass(frozen=True, slots=True)
class Bench:
    """One bench, by name: opened late, since what it measures may be heavy."""

    says: str
    """What it measures, in a line."""
    where: str
    """``module:function`` under this folder; the function takes seeds, then its options by name."""
    options: tuple[str, ...] = ()
    """What it takes beside seeds, of :data:`maia_lab.cli.bench.OPTIONS`."""
    paper: str = ""
    """What stands here for what the MAIA paper measured, and what it found, where it did."""

    def open(self) -> Callable[..., Table]:
        """The function that measures."""
        module, function = self.where.split(":")
        measure: Callable[..., Table] = getattr(import_module(f"{__name__}.{module}"), function)
        return measure


BENCHES = {
    "speed": Bench(
        "the index and call_neuron, against the bare forward pass and against peers",
        "speed:speed",
        ("n", "model", "data", "device"),
    ),
    "agent": Bench("the language-model agent, its requests and its faults", "agent:agent", ("n",)),
    "basics": Bench("time and memory of the first minute", "basics:basics"),
    "notebook": Bench(
        "how the notebook feels, and what slips through", "notebook:notebook", ("n",)
    ),
    "synthetic": Bench(
        "units whose rule is known: exact, silent, unnameable",
        "synthetic:synthetic",
        ("n", "agent"),
        "rules over drawn scenes stand for the paper's 85 units of detector and segmenter, of which"
        " it asked people which description is nearer the truth: MAIA over MILAN 0.73, over human"
        " experts 0.53",
    ),
    "confounded": Bench(
        "the same where the data tie two attributes", "confounded:confounded", ("n", "agent")
    ),
    "ablation": Bench(
        "with each tool taken away",
        "confounded:ablation",
        ("n", "agent"),
        "drawn scenes stand for photographs; the paper found exemplars and synthetic images"
        " together better than either alone, by plots without a number",
    ),
    "predictive": Bench(
        "what descriptions predict against what units do",
        "predictive:predictive",
        ("n", "agent"),
        "small networks trained on drawn scenes stand for ResNet-152, DINO ViT-S/8 and CLIP RN50,"
        " and a renderer for its text-to-image model; the paper's means stand in the notes",
    ),
    "networks": Bench(
        "units of trained networks, beside untrained ones",
        "networks:networks",
        ("n", "agent"),
        "small networks, their two deepest stages taught words, stand for the paper's three, of"
        " which it gives no share of good descriptions",
    ),
    "bias": Bench(
        "classifiers with a known bias: found, how strong, and silence on clean ones",
        "bias:bias",
        ("n", "agent"),
        "classifiers with a known gate stand for the paper's class logits of ResNet-152, which it"
        " shows by example, without a number",
    ),
    "contradiction": Bench(
        "whether conclusions that their own data deny are caught, and sound ones let through",
        "contradiction:contradiction",
        ("n",),
    ),
    "spurious": Bench(
        "what labelling units by intervention is worth to a head fitted on biased data",
        "spurious:spurious",
        ("agent",),
        "objects on drawn backgrounds stand for Spawrious; the paper: all 512 units 0.731, l1 at 50"
        " 0.779, random 22 0.705, l1 at 22 0.757, MAIA's 22 0.837, l1 at 147 with balanced data"
        " 0.830",
    ),
    "compare": Bench(
        "whether equal units are told from units that differ by a word",
        "compare:compare",
        ("n", "agent"),
    ),
    "diffusion": Bench(
        "whether a generator draws what it is asked for, judged by the network that knows scenes",
        "diffusion:diffusion",
        ("generator", "n", "sheet"),
    ),
    "scale": Bench(
        "whether many processes find what one finds, and lose nothing when one dies",
        "scale:scale",
        ("n",),
    ),
}
