"""``maia units`` and ``maia exemplars``: what there is to study, before any agent."""

from __future__ import annotations

import argparse
from pathlib import Path

from maia_lab.cli.terms import (
    CONCLUDED,
    CommandError,
    Commands,
    command,
    data_option,
    device_options,
    positive,
    progress_bar,
    say,
    scheduler_options,
    show,
    writable,
)


def add(commands: Commands) -> None:
    """Say how the commands are called."""
    units = command(commands, "units", "list a model's layers and how many units they have")
    units.add_argument(
        "model", help="a name, package.module:factory, hf:NAME, timm:NAME or torchvision:NAME"
    )
    device_options(units)
    units.set_defaults(run=_units)

    exemplars = command(commands, "exemplars", "show the images that activate a unit most")
    exemplars.add_argument("unit", help="model/layer/index")
    exemplars.add_argument("--out", type=Path, required=True, help="the picture to write, a PNG")
    exemplars.add_argument("--count", type=positive, default=15, help="images (default: 15)")
    exemplars.add_argument(
        "--stratum", default="top", help="top (default), bottom, median, or a quantile such as 0.9"
    )
    scheduler_options(exemplars, None)
    data_option(exemplars)
    device_options(exemplars)
    exemplars.set_defaults(run=_exemplars)


def _units(options: argparse.Namespace) -> int:
    from rich.table import Table

    from maia_lab.doors import open_model

    table = Table("layer", "kind", "units", "example", box=None, pad_edge=False)
    for name, kind, count in open_model(options.model).layers():
        table.add_row(name, kind, str(count), f"{options.model}/{name}/{count - 1}")
    show(table)
    return CONCLUDED


def _exemplars(options: argparse.Namespace) -> int:
    from maia_lab.grid import Grid
    from maia_lab.study import open_study
    from maia_lab.unit import Unit

    stratum = options.stratum
    if stratum not in ("top", "bottom", "median"):
        try:
            stratum = float(stratum)
        except ValueError:
            raise CommandError(
                stratum, "is not a stratum", "say top, bottom, median, or a quantile such as 0.9"
            ) from None
    if options.out.suffix.lower() != ".png":
        raise CommandError(str(options.out), "is not a PNG's name", "let it end in .png")
    writable(options.out.parent)
    with progress_bar() as progress:
        if options.scheduler is not None:
            from maia_lab.scale.shards import build_index

            unit = Unit.parse(options.unit)
            build_index(
                unit.model,
                [unit.layer],
                data=options.data,
                scheduler=options.scheduler,
                workers=options.workers,
                progress=progress,
            )
        study = open_study(options.unit, data=options.data, progress=progress)
    for remark in study.world.remarks:
        say(remark)
    shown = study.tools.dataset_exemplars(study.system, options.count, stratum)
    grid = Grid.of(shown)
    if grid is not None:
        grid.draw().save(options.out)
        say(f"wrote {options.out}: {grid.alt}, of {study.world.data.name}")
    return CONCLUDED
