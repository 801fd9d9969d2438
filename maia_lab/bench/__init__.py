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
    ),
    "confounded": Bench(
        "the same where the data tie two attributes", "confounded:confounded", ("n", "agent")
    ),
    "ablation": Bench("with each tool taken away", "confounded:ablation", ("n", "agent")),
    "predictive": Bench(
        "what descriptions predict against what units do", "predictive:predictive", ("n", "agent")
    ),
    "networks": Bench(
        "units of trained networks, beside untrained ones", "networks:networks", ("n", "agent")
    ),
    "bias": Bench(
        "classifiers with a known bias: found, how strong, and silence on clean ones",
        "bias:bias",
        ("n", "agent"),
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
    ),
    "compare": Bench(
        "whether equal units are told from units that differ by a word",
        "compare:compare",
        ("n", "agent"),
    ),
    "scale": Bench(
        "whether many processes find what one finds, and lose nothing when one dies",
        "scale:scale",
        ("n",),
    ),
}
