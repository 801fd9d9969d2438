"""What a researcher feels in the notebook: how soon things come, what review costs, what stops."""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from maia_lab.bench.frontend import FrontEnd, Message, start, text
from maia_lab.bench.table import Row, Table
from maia_lab.bench.walks import unapproved
from maia_lab.errors import ModelError
from maia_lab.systems.scenes_nets import PHRASES

HEAVY = ("torch", "diffusers", "transformers", "anthropic", "pandas", "matplotlib", "ipywidgets")
LOAD = f"""
import sys, time
before = time.perf_counter()
get_ipython().run_line_magic("load_ext", "maia_lab")
print(time.perf_counter() - before, *({set(HEAVY)} & set(sys.modules)))
"""
EXPERIMENT = """
images = [image for _, image in tools.dataset_exemplars(system, 8)]
print(tools.compare({"strongest": images}))
tools.display(*images)
"""
SLEEP = "import time\nprint('on', flush=True)\ntime.sleep(600)"
MATMUL = """
import torch
a = torch.rand(4000, 4000)
print("on", flush=True)
while True:
    a @ a
"""
PLAIN = "x = 1"
HOOKS = "get_ipython()._maia_lab[0]._hooks.{}()"
KINDS = ("approved", "plain", "again")
PAIRS, BLOCKS, CELLS, STEPS = 9, 9, 20, 25


def notebook(seeds: Sequence[int], n: int = 70) -> Table:
    """Measure against real kernels, with a front end that speaks as the page does.

    Args:
        seeds: which units are described, and where random walks start from.
        n: random walks a seed.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = {"MAIA_HOME": f"{folder}/home", "MAIA_CACHE": f"{folder}/cache"}
        with _page(own) as page:
            _load(page)
            _describe(page, _unit(0))  # The exemplars of all units are computed, and kept.
        loads, firsts = zip(*(_begun(own, _unit(seed)) for seed in seeds), strict=True)
        with _page(own) as page:
            _load(page)
            _describe(page, _unit(seeds[0]))
            returns = [_describe(page, _unit(seed), "--new")[0] for seed in (*seeds, *seeds)]
            overheads, nulls = _overheads(page, _unit(seeds[0]))
            others = _others(page)
            asleep = [_stopped(page, SLEEP, seed) for seed in seeds]
            busy = [_stopped(page, MATMUL, seed) for seed in seeds]
            sizes = [_megabytes(page, _unit(seed)) for seed in seeds]
            wrong = [len(list(unapproved(page, seed, n))) for seed in seeds]
    walks = n * len(seeds)
    return Table(
        "notebook",
        tuple(seeds),
        (
            Row.of("load-ext", loads, "s", "<= 0.3", "no heavy library is imported"),
            Row.of("magic-returns", returns, "s", "<= 0.1", "model loaded, exemplars cached"),
            Row.of("first-proposal", firsts, "s", "<= 5", "fresh kernel, told to the page"),
            Row.of("approve-overhead", overheads, "ms", "<= 150", "beyond the same cell, paired"),
            Row.of("approve-overhead/null", nulls, "ms", "", "the same cell against itself"),
            Row.of("stop/sleep", asleep, "s", "<= 1"),
            Row.of("stop/matmul", busy, "s", "<= 3", "4000 × 4000, one thread"),
            Row.of("other-cells", others, "ms", "<= 5", f"medians of {CELLS} cells"),
            Row.of("notebook-mb", sizes, "MB", "<= 8", f"{STEPS} steps, saved with outputs"),
            Row(
                *("unapproved-runs", sum(wrong), min(wrong), max(wrong), walks, "runs"),
                *("<= 0", f"{walks} random walks"),
            ),
        ),
    )


def _unit(seed: int) -> str:
    return f"scenes/layer4/{seed % len(PHRASES)}"


@contextmanager
def _page(own: dict[str, str]) -> Iterator[FrontEnd]:
    """A page with a fresh kernel, in which nothing of ours is loaded."""
    manager = start(own)
    page = FrontEnd(manager, labextension=True)
    try:
        yield page
    finally:
        page.close()
        manager.shutdown_kernel(now=True)


def _load(page: FrontEnd) -> float:
    seconds, *heavy = text(page.run(LOAD, "load")[1]).split()
    if heavy:
        raise ModelError("%load_ext maia_lab", f"imports {', '.join(heavy)}", "import them later")
    return float(seconds)


def _describe(page: FrontEnd, unit: str, *options: str) -> tuple[float, float, Message]:
    """Begin a session: seconds until the magic returned, until the proposal came, and that."""
    page.about, cell = "", f"magic-{os.urandom(4).hex()}"
    began = time.perf_counter()
    reply, outputs = page.run(f"%maia describe {unit} {' '.join(options)}", cell)
    returned = time.perf_counter() - began
    if reply["status"] != "ok":
        raise ModelError(unit, f"could not be described ({text(outputs)})", "do the same by hand")
    first = page.until(lambda m: m["type"] == "proposal" and m["after_cell_id"] == cell)
    page.about = first["session"]
    return returned, time.perf_counter() - began, first


def _begun(own: dict[str, str], unit: str) -> tuple[float, float]:
    """Seconds to load the extension, and to a first proposal, in a fresh kernel."""
    with _page(own) as page:
        return _load(page), _describe(page, unit)[1]


def _edited(proposal: Message, code: str) -> str:
    return f"{str(proposal['source']).partition(chr(10))[0]}\n{code}"


def _overheads(page: FrontEnd, unit: str) -> tuple[list[float], list[float]]:
    """Milliseconds by which an approved cell takes longer than the same cell, and two plain ones.

    Each triple in an order of its own: what comes first is not always the same.
    """
    overheads, nulls, order = [], [], random.Random(0)
    for number in range(PAIRS + 1):
        proposal = _describe(page, unit, "--new")[2]
        took: dict[str, float] = {}
        for kind in order.sample(KINDS, 3):
            began = time.perf_counter()
            if kind == "approved":
                page.approve_and_run(proposal, _edited(proposal, EXPERIMENT))
            else:
                page.run(EXPERIMENT, "plain")
            took[kind] = 1000 * (time.perf_counter() - began)
            if kind == "approved":
                page.proposal()  # Else the agent would think while the others run.
        if number:  # The first one warms up.
            overheads.append(took["approved"] - took["plain"])
            nulls.append(took["again"] - took["plain"])
    return overheads, nulls


def _others(page: FrontEnd) -> list[float]:
    """Milliseconds that a cell of nobody's takes longer, with a session open."""
    added = []
    for block in range(BLOCKS):
        took = {}
        for hooks in ("install", "remove") if block % 2 else ("remove", "install"):
            page.run(HOOKS.format("remove"))
            page.run(HOOKS.format(hooks))
            cells = []
            for _ in range(CELLS):
                began = time.perf_counter()
                page.run(PLAIN, "plain")
                cells.append(1000 * (time.perf_counter() - began))
            took[hooks] = median(cells)
        page.run(HOOKS.format("remove"))
        page.run(HOOKS.format("install"))
        added.append(took["install"] - took["remove"])
    return added


def _stopped(page: FrontEnd, code: str, seed: int) -> float:
    """Seconds from Stop, as the page does it, to a kernel that is idle and a session that ended."""
    proposal = _describe(page, _unit(seed), "--new")[2]
    source = _edited(proposal, code)
    if not page.approve(proposal, source)["ok"]:
        raise ModelError(source, "was not approved", "look at the kernel's answer")
    sent = page.begin(source, proposal["cell_id"])
    page.heard("on")
    time.sleep(0.5 + random.Random(seed).random())
    began = time.perf_counter()
    page.manager.interrupt_kernel()
    page.send({"type": "stop", "id": "stop", "session": proposal["session"]})
    page.outcome(sent)
    page.until(lambda m: m["type"] == "answer" and m["re"] == "stop")
    return time.perf_counter() - began


def _megabytes(page: FrontEnd, unit: str) -> float:
    """The size of a saved notebook with so many steps that ran.

    Where the agent is done sooner, the researcher tries its experiments once more.
    """
    proposal = _describe(page, unit, "--new", "--steps", str(4 * STEPS))[2]
    cells: list[dict[str, Any]] = []
    done = 0
    while True:
        source = str(proposal["source"])
        if proposal["kind"] == "conclusion":
            done = done or len(cells)
            again = str(cells[len(cells) % done]["source"])
            source = f"%%maia try again\n# {len(cells)}\n{again}"
            outputs = page.run(source, f"own-{len(cells)}")[1]
        else:
            outputs = page.approve_and_run(proposal)[1]
        shown = [{"output_type": kind, **content} for kind, content in outputs]
        known = {"id": proposal["cell_id"], "metadata": {"maia": proposal["metadata"]}}
        cells.append({"cell_type": "code", **known, "source": source, "outputs": shown})
        if len(cells) == STEPS:
            return len(json.dumps({"cells": cells, "nbformat": 4}, indent=1).encode()) / 1e6
        proposal = page.proposal()
