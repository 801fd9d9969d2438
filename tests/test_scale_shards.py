"""One index out of many parts, whoever counts them, and whoever dies."""

import os
import pickle

import cloudpickle
import numpy as np
import psutil
import pytest
from distributed import KilledWorker, LocalCluster
from PIL import Image

from maia_lab import errors, places
from maia_lab.cli import CONCLUDED, FAILED, main
from maia_lab.doors import open_model
from maia_lab.errors import ConfigError, ModelError
from maia_lab.images import split
from maia_lab.scale import shards
from maia_lab.scale.cluster import connect, reason
from maia_lab.scale.shards import build_index, count_apart
from maia_lab.scenes.data import SceneImages
from maia_lab.systems.counting import count
from maia_lab.systems.exemplars import ExemplarIndex
from maia_lab.systems.tally import Plan


@pytest.fixture(scope="module")
def layers():
    return [open_model("scenes").layer(name) for name in ("layer3", "layer4")]


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        for name in ("seen", "values", "ends", "broken", "size", "rows", "tail"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def test_parts_come_to_what_one_pass_finds_also_when_a_process_is_killed(two_workers, layers):
    serial = count(layers, SceneImages(160), Plan.of(SceneImages(160)))
    with connect(two_workers) as (client, many):
        told = []
        apart = count_apart(
            client, many, "scenes", layers, SceneImages(160), lambda *done: told.append(done)
        )
        assert_same(serial, apart)
        none = count_apart(client, many, "scenes", layers, SceneImages(160), positions=np.arange(0))
        assert_same(serial, [one.merge(other) for one, other in zip(serial, none, strict=True)])
        assert many == 2 and len(told) > many and told[-1] == (160, 160)
        victims = list(client.run(os.getpid).values())[:1]

        def kill(done, total):
            if victims:
                psutil.Process(victims.pop()).kill()

        assert_same(serial, count_apart(client, many, "scenes", layers, SceneImages(160), kill))
        assert not victims


def test_an_index_built_apart_is_found_by_whoever_asks_next(two_workers, few, layers):
    told = []
    build_index("scenes", ["layer4"], data=few, scheduler=two_workers)
    index = ExemplarIndex.build(
        layers[1], split(few)[0], places.cache(), lambda *done: told.append(done)
    )
    assert not told and len(index.of(12).values) == 64
    build_index("scenes", ["layer4"], data=few, scheduler="nowhere")  # Nothing is left to do.


def test_the_command_shows_what_a_cluster_found(two_workers, few, tmp_path, capsys):
    words = ["exemplars", "scenes/layer2/1", "--data", str(few), "--out", str(tmp_path / "x.png")]
    assert main([*words, "--scheduler", two_workers]) == CONCLUDED
    assert (tmp_path / "x.png").is_file() and "15 images" in capsys.readouterr().err
    words[1] = "scenes/layer1/1"
    assert main([*words, "--scheduler", "nowhere:1"]) == FAILED
    assert "is no scheduler that answers" in capsys.readouterr().err


def test_images_added_to_a_folder_are_all_that_a_cluster_counts(two_workers, layers, tmp_path):
    def add(numbers):
        for number in numbers:
            pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number:03}.png")

    told = []
    for numbers in (range(130), [500, 501, 502]):
        add(numbers)
        told.clear()
        build_index(
            *("scenes", ["layer3"]),
            data=tmp_path,
            scheduler=two_workers,
            progress=lambda *n: told.append(n),
        )
    data = split(tmp_path)[0]
    assert told[0][0] > 100 and told[-1] == (len(data), len(data))
    built = ExemplarIndex.build(layers[0], data, places.cache()).of(3)
    fresh = ExemplarIndex.build(layers[0], data, tmp_path / "other").of(3)
    np.testing.assert_allclose(built.values, fresh.values, atol=1e-5)
    assert built.positions("top", 8) == fresh.positions("top", 8)


def out_of_memory(*_):
    raise MemoryError("no more")


def test_a_cluster_that_gives_up_is_told_of_in_a_sentence(two_workers, few, monkeypatch):
    monkeypatch.setattr(shards, "_part", out_of_memory)
    said = r"did not come to an end with the images \(MemoryError: no more\); see what its workers"
    with pytest.raises(ConfigError, match=said):
        build_index("scenes", ["stem"], data=few, scheduler=two_workers)
    killed = KilledWorker("_part-1", None, 3)
    assert reason(killed) == "it ended its process each time it was tried, as for want of memory"


def test_a_scheduler_without_workers_is_told_of(caplog):
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster,
        connect(cluster.scheduler_address) as (_, many),
    ):
        assert many == 1 and "has no workers yet" in caplog.text


def test_a_task_names_the_model_and_does_not_hold_it(layers):
    wanted = tuple((layer.name, layer.digest) for layer in layers)
    assert shards._layers("scenes", wanted)  # Now this process holds it.
    assert len(cloudpickle.dumps((shards._part, "scenes", wanted))) < 500


def test_other_weights_in_a_worker_are_refused():
    with pytest.raises(ModelError, match="not the same in a worker"):
        shards._layers("scenes", (("layer4", "of other weights"),))


def test_layers_too_large_to_index_at_once_are_refused_before_any_work():
    with pytest.raises(ModelError, match="leave --scheduler out"):
        build_index("synthetic", ["one"], scheduler="nowhere")


@pytest.mark.parametrize("kind", [c for c in vars(errors).values() if isinstance(c, type)])
def test_an_error_comes_whole_out_of_another_process(kind):
    error = kind("net", "is not there", "look again")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error) and again.reason == "is not there"
