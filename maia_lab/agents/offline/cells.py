"""The experiments as a researcher would type them: one cell each, over system and tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from textwrap import indent

from maia_lab.agents.offline.notes import LEVEL, MADE, STRONGEST, USUAL

BANDS = (
    (0, 0.5, 120),
    (0.5, 0.8, 100),
    (0.8, 0.9, 80),
    (0.9, 0.95, 80),
    (0.95, 0.99, 80),
    (0.99, 1, 40),
)
"""Quantiles of the data between which images are read, and how many at most."""
SHOWN = 15
OTHERS = "anything else"
"""The condition of images of which no label is said."""

READ = f"""\
for name, made in conditions.items():
    activations = [f"{{value:.5g}}" for value in comparison[name].values]
    print("{MADE}", name)
    print(*tools.describe_images(made, activations), sep="\\n")
"""
MEASURE = f"""\
comparison = tools.compare(conditions)
print(comparison)
{READ}for measured in comparison.conditions[:3]:
    images = conditions.get(measured.condition, [])
    tools.display(measured.condition, list(zip(measured.values, images)))
"""
SILENCE = f"""\
undisturbed, *_ = conditions
comparison = tools.compare(conditions, control=undisturbed)
print(comparison)
{READ}for measured in comparison.conditions[-3:]:
    tools.display(measured.condition, list(zip(measured.values, conditions[measured.condition])))
"""


def look(*, pictures: bool = True) -> str:
    """The first step: what drives the unit, and what leaves it cold."""
    show = 'tools.display("strongest", strongest, "weakest", weakest)\n' if pictures else ""
    return f"""\
# Look: what drives the unit, and what leaves it cold?
strongest = tools.dataset_exemplars(system, count={SHOWN})
weakest = tools.dataset_exemplars(system, count={SHOWN}, stratum="bottom")
{show}for name, exemplars in {{"strongest": strongest, "weakest": weakest}}.items():
    activations = [f"{{activation:.5g}}" for activation, _ in exemplars]
    sentences = tools.describe_images([image for _, image in exemplars], activations)
    print(f"{{name}}:", *sentences, sep="\\n")
print("what the strongest share:")
print(tools.summarize_images([image for _, image in strongest]))
groups = {{"strongest": strongest, "weakest": weakest}}
print(tools.compare({{name: [image for _, image in group] for name, group in groups.items()}}))
"""


def survey(thinner: int = 1) -> str:
    """The second: captions of images from every level of activation, or of one in ``thinner``."""
    bands = "\n".join(f"    ({low:g}, {high:g}, {most // thinner})," for low, high, most in BANDS)
    return f"""\
# Survey: what do images say at every level of activation, and what is usual?
usual = sorted(system.reference.values)
print("{USUAL}")
print(*(f"{{usual[round(i / 100 * (len(usual) - 1))]:.5g}}" for i in range(101)))
for low, high, most in [
{bands}
]:
    count = min(most, round((high - low) * len(usual)))
    stratum = "top" if high == 1 else (low + high) / 2
    images = tools.dataset_exemplars(system, count, stratum)
    activations = [f"{{activation:.5g}}" for activation, _ in images]
    print(f"{LEVEL}")
    print(*tools.describe_images([image for _, image in images], activations), sep="\\n")
"""


def meet(labels: Sequence[str], count: int, seed: int) -> str:
    """Images of the data as they come, sorted by what is said of them."""
    return f"""\
# Meet: images that nobody picked by activation. Do the labels hold there?
images = tools.dataset_sample({count}, seed={seed})
said = tools.describe_images(images)
labels = {listed(labels, 0)}
conditions = {{label: [i for i, text in zip(images, said) if text == label] for label in labels}}
conditions["{OTHERS}"] = [i for i, text in zip(images, said) if text not in labels][:60]
comparison = tools.compare({{name: some for name, some in conditions.items() if some}})
print(comparison)
"""


def perturb(changes: Mapping[str, Mapping[int, Sequence[str]]], *, read: bool = True) -> str:
    """Single changes to the strongest images, before any hypothesis.

    Args:
        changes: for each condition, instructions by the position of the image among the strongest.
        read: whether captions say what was changed.
    """
    lines = []
    for name, by_image in changes.items():
        lines.append(f"    {_text(name)}: {{")
        lines += [f"        {i}: {listed(some, 8)}," for i, some in by_image.items()]
        lines.append("    },")
    used = sorted({i for by_image in changes.values() for i in by_image})
    changed = "\n".join(lines)
    return f"""\
# Perturb: change one thing at a time in the strongest images. What do they all need?
strongest = [image for _, image in tools.dataset_exemplars(system, count={SHOWN})]
changes = {{
{changed}
}}
# edit_images returns originals and edits interleaved: every second one is an edit.
conditions = {{
    name: [
        image
        for i, some in by_image.items()
        for image in tools.edit_images(strongest[i], some)[0][1::2]
    ]
    for name, by_image in changes.items()
}} | {{{_text(STRONGEST)}: [strongest[i] for i in {used}]}}
comparison = tools.compare(conditions, control={_text(STRONGEST)})
print(comparison)
{READ if read else ""}for measured in comparison.conditions:
    shown = list(zip(measured.values, conditions[measured.condition]))
    tools.display(measured.condition, shown[:6])
"""


def sweep(phrases: Sequence[str], samples: int, together: str) -> str:
    """Every word alone: is it enough? And ``together``, where anything at random can be drawn."""
    some = f"tools.text2image({_text(together)}, per_prompt={12 * samples})"
    anything = f'conditions["anything"] = {some}\n' if together else ""
    return f"""\
# Sweep: is any one word enough, everything else left to chance?
phrases = {listed(phrases, 0)}
conditions = {{phrase: tools.text2image(phrase, per_prompt={samples}) for phrase in phrases}}
{anything}{MEASURE}"""


def drawn(
    kind: str,
    asks: str,
    prompts: Mapping[str, Sequence[str]],
    samples: int,
    seed: int | None = None,
    measure: str = MEASURE,
) -> str:
    """Conditions drawn from words: ``samples`` images a condition, shared among its prompts."""
    lines = "".join(f"    {_text(name)}: {listed(some)},\n" for name, some in prompts.items())
    seeded = "" if seed is None else f", seed={seed}"
    return f"""\
# {kind}: {asks}
prompts = {{
{lines}}}
conditions = {{
    name: tools.text2image(some, per_prompt=max(1, {samples} // len(some)){seeded})
    for name, some in prompts.items()
}}
{measure}"""


def edits(
    subjects: Mapping[str, Sequence[int] | str],
    changes: Mapping[str, Mapping[str, Sequence[str]]],
    asks: str = "Edit: change one thing at a time. What is necessary?",
) -> str:
    """Counterfactuals: the same images with one thing changed.

    Args:
        subjects: for each label, which of the strongest images show it, or a prompt to draw some.
        changes: for each label, instructions by the condition's name.
        asks: the first line.
    """
    needed = any(not isinstance(some, str) for some in subjects.values())
    parts = [f"# {asks}"]
    if needed:
        parts.append(
            f"strongest = [image for _, image in tools.dataset_exemplars(system, count={SHOWN})]"
        )
    parts.append("subjects = {")
    for label, some in subjects.items():
        images = (
            f"tools.text2image({_text(some)}, per_prompt=6)"
            if isinstance(some, str)
            else f"[strongest[i] for i in {list(some)}]"
        )
        parts.append(f"    {_text(label)}: {images},")
    parts.append("}\nchanges = {")
    for label, by_name in changes.items():
        parts.append(f"    {_text(label)}: {{")
        parts += [f"        {_text(n)}: {listed(some, 12)}," for n, some in by_name.items()]
        parts.append("    },")
    parts.append(
        f"""\
}}
for label, images in subjects.items():
    unchanged = f"{{label}}, unchanged"
    conditions = {{unchanged: images}}
    for name, instructions in changes[label].items():
        # edit_images returns originals and edits interleaved: every second one is an edit.
        edited = [tools.edit_images(images, instruction)[0][1::2] for instruction in instructions]
        conditions[name] = [image for some in edited for image in some]
    comparison = tools.compare(conditions, control=unchanged)
    print(comparison)
{indent(READ, "    ")}    for measured in comparison.conditions:
        shown = list(zip(measured.values, conditions[measured.condition]))
        tools.display(measured.condition, shown[:6])
"""
    )
    return "\n".join(parts)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def listed(texts: Iterable[str], left: int = 4) -> str:
    """A list of texts, in lines of readable length."""
    quoted = [_text(text) for text in texts]
    if sum(map(len, quoted)) + 2 * len(quoted) < 90 - left:
        return f"[{', '.join(quoted)}]"
    lines, line = [], ""
    for text in quoted:
        if line and len(line) + len(text) > 88 - left:
            lines.append(line)
            line = ""
        line += f"{text}, "
    lines.append(line)
    return (
        "[\n" + "".join(f"{' ' * (left + 4)}{one.rstrip()}\n" for one in lines) + f"{' ' * left}]"
    )
