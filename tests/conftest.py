"""Small real things the tests share: a layer that sees red, a world of plain colours."""

from __future__ import annotations

import os

# What tests compute is small: several threads would wait for each other, here and in the kernels.
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from PIL import Image

from maia_lab import provenance
from maia_lab.errors import WordsError
from maia_lab.provenance import Origin
from maia_lab.study import Study
from maia_lab.system import Reference, Response, System
from maia_lab.tasks import DESCRIBE
from maia_lab.tools import Tools
from maia_lab.unit import Unit
from maia_lab.world import World

TALKS = re.compile(r"test_(bench_scale|browser|claude|config|lessons|notebook|rating|replay|scale)")
"""Files whose tests start kernels, servers and browsers: two at once could choose the same port,
and would wait for each other."""
COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 80, 220)}


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="cpu or cuda: where networks and models run")


def pytest_configure(config):
    if config.getoption("--device") != "cpu":
        import torch

        try:
            torch.empty(1, device=config.getoption("--device"))
        except (RuntimeError, AssertionError) as error:
            raise pytest.UsageError(
                f"--device {config.getoption('--device')}: torch cannot use it ({error})"
            ) from error


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """The whole suite is shared by two processes; a part of it runs in the one that was started."""
    whole = config.args == config.getini("testpaths")
    return 2 if whole and (os.cpu_count() or 1) > 1 else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests run in one process, those that talk to others one file after the other."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "talks" if TALKS.search(file) else file

    return Files(config, log)


@pytest.fixture(scope="session")
def device(request) -> str:
    """Where networks and models run."""
    return request.config.getoption("--device")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c():
    """Ctrl-C is heard also where a shell started the tests in the background, deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory):
    """No test meets the user's sessions; indexes are shared, as they are between sessions."""
    base = tmp_path_factory.getbasetemp()
    of_all = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAIA_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("MAIA_CACHE", str(of_all / "cache"))
        # Kernels and commands import the same modules again and again.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "80")
        patch.delenv("ANTHROPIC_API_KEY", raising=False)
        yield


class RedLayer:
    """Answers with how red an image is, on a 4 × 4 map."""

    name, units, digest = "output", 1, "red-layer-1"

    def respond(self, images: Sequence[Image.Image], units=None) -> Response:
        small = [np.asarray(i.convert("RGB").resize((4, 4), 4), np.float32) for i in images]
        maps = np.stack([(s[..., 0] - s[..., 1:].mean(-1)) / 255 for s in small])[:, None]
        return Response(maps.max((2, 3)), maps)


def plain(colour: str, shade: int, by: str = "test images") -> Image.Image:
    """A plain image; every shade is another image."""
    pixels = np.clip(np.array(COLOURS[colour]) * (0.85 + shade / 200), 0, 255).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(pixels, (16, 16, 3)).copy())
    return provenance.stamp(image, Origin("data", by, colour))


@dataclass
class Plain:
    """Images of one colour each, the colours in turn."""

    first: int
    count: int
    name: str = "plain colours"

    @property
    def digest(self) -> str:
        return f"plain-{self.first}-{self.count}"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Image.Image:
        if not 0 <= index < self.count:
            raise IndexError(index)
        number = self.first + index
        return plain(list(COLOURS)[number % 3], number // 3 - 20)

    def __iter__(self) -> Iterator[Image.Image]:
        return (self[i] for i in range(self.count))


class PlainWords:
    """Knows the three colours, by looking."""

    def matches(self, label: str, image: Image.Image) -> bool:
        if label not in COLOURS:
            raise WordsError(label, "is not a colour here", "say red, green or blue")
        return label in self.concepts(image)

    def concepts(self, image: Image.Image) -> frozenset[str]:
        return frozenset({list(COLOURS)[int(np.argmax(np.asarray(image)[0, 0]))]})


class PlainGenerator:
    name = "plain generator"

    def generate(self, prompts, seeds):
        for prompt in prompts:
            if prompt not in COLOURS:
                raise WordsError(prompt, "cannot be drawn", "say red, green or blue")
        return [plain(p, s % 40 - 20, self.name) for p, s in zip(prompts, seeds, strict=True)]


class PlainEditor:
    name = "plain editor"

    def edit(self, images, instructions, seeds):
        edits = []
        for image, colour in zip(images, instructions, strict=True):
            edited = Image.fromarray(np.asarray(plain(colour, 3))).copy()
            edited.putpixel((0, 0), tuple(np.asarray(image)[0, 0]))
            parent = provenance.pixel_hash(image)
            edits.append(
                provenance.stamp(edited, Origin("edited", self.name, colour, parent=parent))
            )
        return edits


class PlainCaptioner:
    name = "plain captioner"

    def describe(self, images):
        return [f"plain {next(iter(PlainWords().concepts(i)))}" for i in images]


class RedExemplars:
    """What an index offers, computed by looking at everything."""

    def __init__(self, data):
        self.data = data
        response = RedLayer().respond(list(data))
        self.values = response.values[:, 0]
        self.sampled = np.arange(len(self.values))
        positions = response.maps[:, 0].ravel()
        self.reference = Reference(np.sort(self.values), float(np.quantile(positions, 0.95)))

    def positions(self, stratum, count):
        order = np.argsort(-self.values, kind="stable")
        return [int(i) for i in (order if stratum == "top" else order[::-1])[:count]]

    def answers(self, stratum, count):
        return RedLayer().respond([self.data[i] for i in self.positions(stratum, count)])


@pytest.fixture
def world() -> World:
    data, held_out = Plain(0, 90), Plain(90, 30)
    return World(
        "plain", data, held_out, PlainGenerator(), PlainEditor(), PlainCaptioner(), PlainWords()
    )


@pytest.fixture
def exemplars(world) -> RedExemplars:
    return RedExemplars(world.data)


@pytest.fixture
def system(exemplars) -> System:
    return System(Unit("red", "output", 0), RedLayer(), 0, exemplars.reference)


def described(world, system, exemplars, seed=7) -> Tools:
    """The tools of a study in which the unit is to be described."""
    tools = Tools(world, system, exemplars, seed)
    named = {str(system.unit): system}
    study = Study(
        system.unit, DESCRIBE, system, named, exemplars, tools, world, seed, digests=(), options=()
    )
    tools.close = partial(DESCRIBE.close, study)
    return tools


@pytest.fixture
def tools(world, system, exemplars) -> Tools:
    return described(world, system, exemplars)


@pytest.fixture(scope="session")
def scenes_study():
    """One unit of a shipped network in the scenes world."""
    from maia_lab import open_study

    return open_study("scenes/layer4/12")


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """A folder of few small images: their index takes no time."""
    folder = tmp_path_factory.mktemp("few")
    for number in range(80):
        plain(list(COLOURS)[number % 3], number // 3).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def two_workers():
    """The address of a cluster of two processes."""
    from distributed import LocalCluster

    here = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **here) as cluster:
        yield cluster.scheduler_address
