"""Instructions into other scenes: one thing changes, and all the rest stays as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from zlib import crc32

import numpy as np

from maia_lab.errors import WordsError
from maia_lab.scenes.captions import caption
from maia_lab.scenes.concept import Concept
from maia_lab.scenes.lexicon import MANY, NUMBERS, read
from maia_lab.scenes.place import MARGIN, TOUCH, Disc, overlap, place
from maia_lab.scenes.sample import Wanted, least_radius, radius_for, sample, stream
from maia_lab.scenes.scene import LEAST, MOST, SIZES, Scene, Thing

HELP = (
    "say, for example, 'replace the circle with a star', 'make the bird red', 'make the bird"
    " bigger', 'remove the tree', 'add a yellow moon', 'move the fish to the left' or 'change the"
    " background to snow'"
)
SIDES = {"left": ("x", 0.2), "right": ("x", 0.8), "top": ("y", 0.2), "bottom": ("y", 0.8)}
"""Where things can be moved to: the coordinate and what it becomes, as far as they fit."""
TRIES = 12
"""Places on a side that are looked at, where others are in the way."""


def edit(scene: Scene, instruction: str, seed: int) -> Scene:
    """Change a scene by instruction.

    Every thing the instruction names is changed, unless it says how many; position, pose and
    everything it does not name stay. A thing that grows or is added moves where it does not fit.

    Args:
        scene: the scene as it is.
        instruction: for example ``"replace the circle with a star"``.
        seed: another seed gives another choice where the instruction leaves one.

    Raises:
        WordsError: the instruction is not understood, or names nothing in the scene.
    """
    text = re.sub(r"\s+", " ", instruction.lower()).strip(" .!")
    text = re.sub(r"^(?:please|can you|could you) ", "", text)
    rng = stream("edit", crc32(text.encode()), seed)
    for pattern, change in _INSTRUCTIONS:
        if match := pattern.fullmatch(text):
            return change(scene, rng, *match.groups())
    raise WordsError(instruction, "is not an instruction that scenes understand", HELP)


def _background(scene: Scene, _: np.random.Generator, words: str) -> Scene:
    words = re.sub(r" (?:background|one)$", "", words)
    wanted = Concept.parse(f"{words} background")
    if wanted.phrases or wanted.background is None:
        raise WordsError(words, "is not a background", HELP)
    return replace(scene, background=wanted.background)


def _remove(scene: Scene, rng: np.random.Generator, words: str) -> Scene:
    if Concept.parse(words) == Concept(background=scene.background):
        return replace(scene, background="plain")
    gone = _find(scene, rng, words)
    return replace(scene, things=tuple(t for i, t in enumerate(scene.things) if i not in gone))


def _keep(scene: Scene, rng: np.random.Generator, words: str) -> Scene:
    kept = _find(scene, rng, words)
    return replace(scene, things=tuple(t for i, t in enumerate(scene.things) if i in kept))


def _add(scene: Scene, rng: np.random.Generator, words: str) -> Scene:
    wanted = Concept.parse(words)
    if wanted.background is not None:
        raise WordsError(words, "adds a background, and a scene has one already", HELP)
    for phrase in wanted.things:
        if len(scene.things) >= MANY:
            raise WordsError(words, f"adds to {MANY} things, and no more find room", HELP)
        scene = replace(scene, things=(*scene.things, _fitting(scene, rng, phrase.wanted)))
    return scene


def _replace(scene: Scene, rng: np.random.Generator, words: str, change: str) -> Scene:
    if Concept.parse(words) == Concept(background=scene.background):
        return _background(scene, rng, change)
    found, new = _find(scene, rng, words), _attributes(change)
    for i in sorted(found):
        scene = _change(scene, rng, i, new)
    return scene


def _make(scene: Scene, rng: np.random.Generator, words: str) -> Scene:
    """``the bird bigger``, ``the circle a star``: the target ends where the rest can be read."""
    if match := re.fullmatch(r"(.+) (bigger|larger|smaller)", words):
        return _resize(scene, rng, match[2], match[1])
    said = read(re.sub(r"\b(?:into|look|be|become) ", "", words))
    problem = WordsError(words, "does not say what to make of what", HELP)
    for end, word in enumerate(said[:-1], 1):
        if word.part in ("shape", "thing"):
            target, change = (" ".join(w.text for w in part) for part in (said[:end], said[end:]))
            try:
                return _replace(scene, rng, target, change)
            except WordsError as error:
                problem = error
    raise problem


def _resize(scene: Scene, rng: np.random.Generator, way: str, words: str) -> Scene:
    step = -1 if way in ("smaller", "shrink", "reduce") else 1
    sizes = tuple(SIZES)
    for i in sorted(_find(scene, rng, words)):
        thing = scene.things[i]
        at = sizes.index(thing.size) + step
        if 0 <= at < len(sizes):
            radii = _radii(rng, sizes[at])
        else:
            # There is no next size: a third more or less, or what there is room for.
            radii = [float(np.clip(thing.radius * f**step, LEAST, MOST)) for f in (1.3, 1.2, 1.1)]
        scene = _fit(scene, rng, i, radii)
    return scene


def _move(scene: Scene, rng: np.random.Generator, words: str, side: str) -> Scene:
    axis, at = SIDES[side]
    for i in sorted(_find(scene, rng, words)):
        thing, others = scene.things[i], _discs(scene, i)
        low = min(thing.radius + MARGIN, 0.5)
        there = float(np.clip(at, low, 1 - low))
        along = [thing.y if axis == "x" else thing.x, *rng.uniform(low, 1 - low, TRIES).tolist()]
        discs: list[Disc] = [
            (there, free, thing.radius) if axis == "x" else (free, there, thing.radius)
            for free in along
        ]
        x, y, _ = min(discs, key=lambda disc: overlap(disc, others))
        scene = _with(scene, i, replace(thing, x=x, y=y))
    return scene


def _find(scene: Scene, rng: np.random.Generator, words: str) -> set[int]:
    """Positions of the things that words name: all of them, or as many as they count."""
    target = Concept.parse(words)
    counted = re.search(rf"\b(?:{'|'.join(NUMBERS)}|\d+)\b", words)
    found: set[int] = set()
    for phrase in target.phrases:
        matching = [i for i, t in enumerate(scene.things) if phrase.matches(t) and i not in found]
        if not matching or len(matching) < (phrase.count or 1):
            raise _absent(str(phrase), scene)
        if counted:
            matching = rng.permutation(matching)[: phrase.count].tolist()
        found.update(matching)
    if not found or target.background not in (None, scene.background):
        raise _absent(words, scene)
    return found


def _absent(words: str, scene: Scene) -> WordsError:
    return WordsError(words, "is nowhere in the image", f"it shows {caption(scene)}")


def _attributes(words: str) -> Wanted:
    """What a thing is to become."""
    new = Concept.parse(words)
    if len(new.things) != 1 or new.background is not None or not new.things[0].wanted:
        raise WordsError(words, "is not something that one thing can become", HELP)
    return new.things[0].wanted


def _change(scene: Scene, rng: np.random.Generator, index: int, new: Wanted) -> Scene:
    old = scene.things[index]
    thing = replace(
        old,
        shape=new.get("shape", old.shape),
        colour=new.get("colour", old.colour),
        texture=new.get("texture", old.texture),
    )
    scene = _with(scene, index, thing)
    size = new.get("size", old.size)
    return scene if size == old.size else _fit(scene, rng, index, _radii(rng, size))


def _radii(rng: np.random.Generator, size: str) -> list[float]:
    """Radii of a size, a usual one first, then the least."""
    return [radius_for(rng, size), least_radius(size)]


def _fit(scene: Scene, rng: np.random.Generator, index: int, radii: list[float]) -> Scene:
    """Give a thing the first radius that fits where it is, else the first that fits anywhere."""
    thing, others = scene.things[index], _discs(scene, index)
    there_was = overlap((thing.x, thing.y, thing.radius), others)
    discs: list[Disc] = []
    for radius in radii:
        low = min(radius + MARGIN, 0.5)
        x, y = (float(np.clip(c, low, 1 - low)) for c in (thing.x, thing.y))
        discs.append((x, y, radius))
    discs += [place(rng, [radius], others)[0] for radius in radii]
    fits = [disc for disc in discs if overlap(disc, others) <= there_was + TOUCH]
    x, y, radius = fits[0] if fits else discs[-1]
    return _with(scene, index, replace(thing, x=x, y=y, radius=radius))


def _fitting(scene: Scene, rng: np.random.Generator, wanted: Wanted) -> Thing:
    """A new thing, as wanted, of a size for which there is room."""
    new, others = sample(rng, [wanted]).things[0], _discs(scene)
    sizes = [wanted["size"]] if "size" in wanted else list(dict.fromkeys([new.size, *SIZES]))
    for radius in (radius for size in sizes for radius in _radii(rng, size)):
        disc = place(rng, [radius], others)[0]
        if overlap(disc, others) <= TOUCH:
            break
    x, y, radius = disc
    if overlap(disc, others) > radius / 2:
        raise WordsError(
            " ".join(wanted.values()),
            "finds no room in the image",
            "remove or shrink something first",
        )
    return replace(new, x=x, y=y, radius=radius)


def _discs(scene: Scene, without: int | None = None) -> list[Disc]:
    return [(t.x, t.y, t.radius) for i, t in enumerate(scene.things) if i != without]


def _with(scene: Scene, index: int, thing: Thing) -> Scene:
    return replace(scene, things=(*scene.things[:index], thing, *scene.things[index + 1 :]))


Change = Callable[..., Scene]
_INSTRUCTIONS: list[tuple[re.Pattern[str], Change]] = [
    (re.compile(pattern), change)
    for pattern, change in (
        (
            r"(?:change|replace|set|make|turn|switch|swap|exchange) the (?:\w+ )?background"
            r"(?: to| with| into| for| by| be)? (?:be )?(.+)",
            _background,
        ),
        (
            r"(?:remove|delete|erase) the (?:\w+ )?background",
            lambda scene, _: replace(scene, background="plain"),
        ),
        (
            r"(?:put|place|move|set) (?:it|them|everything|the [\w ]+?)"
            r" (?:on|onto|in|into|against|in front of) (.+)",
            _background,
        ),
        (
            r"(?:remove|delete|erase) (?:everything|all|all things)"
            r" (?:but|except|except for|apart from) (.+)|keep only (.+)",
            lambda scene, rng, a, b: _keep(scene, rng, a or b),
        ),
        (r"(?:remove|delete|erase|take away|take out|drop|hide) (.+)", _remove),
        (
            r"(?:add|insert|draw|include|place|put) (.+?)"
            r"(?: (?:to|in|into|on) (?:it|the (?:image|picture|scene)))?",
            _add,
        ),
        (
            r"(?:change|make|set|turn) the (?:colou?r|texture|pattern|size|shape) of (.+?)"
            r" (?:to|be|into) (.+)",
            _replace,
        ),
        (r"(?:replace|swap|exchange|substitute) (.+?) (?:with|by|for|to) (.+)", _replace),
        (
            r"(?:change|turn|transform|convert) (.+?)(?: from .+?)? (?:to|into) (?:be )?(.+)",
            _replace,
        ),
        (r"(enlarge|grow|shrink|reduce) (.+)", _resize),
        (rf"(?:move|shift|put) (.+?) (?:to|at) the ({'|'.join(SIDES)})", _move),
        (r"(?:make|turn|paint|colou?r|recolou?r|dye) (.+)", _make),
    )
]
