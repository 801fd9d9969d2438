"""A folder is read once, however often it is opened; and again where there is any doubt."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from maia_lab import images, places, register
from maia_lab.errors import DataError
from maia_lab.images import ImageFolder


def picture(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 9, 3), np.uint8))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(register, "SETTLED", -1)
    monkeypatch.setenv("MAIA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for seed in range(40):
        picture(seed).save(tmp_path / "photos" / "deep" / f"{seed:02}.bmp")
    (tmp_path / "photos" / "torn.jpg").write_bytes(b"\xff\xd8 no more")
    return tmp_path / "photos"


@pytest.fixture
def read(monkeypatch):
    """Names of the files that are read."""
    load, names = images.load, []

    def reading(path):
        names.append(path.name)
        return load(path)

    monkeypatch.setattr(images, "load", reading)
    return names


def test_a_file_is_read_once_and_what_it_shows_is_known_from_then_on(folder, read):
    first = ImageFolder(folder)
    assert len(read) == 41 and first.summary.endswith(
        "1 skipped: torn.jpg is not an image that can be read"
    )
    read.clear()
    again = ImageFolder(folder)
    assert read == ["torn.jpg"], "damage is looked at again"
    assert (again.hashes, again.summary) == (first.hashes, first.summary)
    picture(50).save(folder / "new.bmp")
    read.clear()
    assert len(ImageFolder(folder)) == 41 and sorted(read) == ["new.bmp", "torn.jpg"]


def test_a_file_that_was_changed_is_read_again_even_if_it_looks_as_old_and_as_large(folder, read):
    before, path = ImageFolder(folder).hashes, folder / "deep" / "07.bmp"
    status = path.stat()
    picture(60).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    read.clear()
    after = ImageFolder(folder).hashes
    assert "07.bmp" in read and len(read) == 2
    assert [i for i in range(40) if before[i] != after[i]] == [7]


def test_a_file_that_may_still_be_written_is_not_trusted(folder, read, monkeypatch):
    monkeypatch.setattr(register, "SETTLED", 10**12)
    for _ in range(2):
        ImageFolder(folder)
    assert len(read) == 82


def test_a_register_that_was_torn_or_cannot_be_written_only_costs_time(folder, read, monkeypatch):
    hashes = ImageFolder(folder).hashes
    (path,) = places.cache().glob("folders/*.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(["5\n", "[]\n", "\0\n", *lines[:30], lines[30][:40]]))
    read.clear()
    assert ImageFolder(folder).hashes == hashes and len(read) == 11
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("no folder")
    assert ImageFolder(folder).hashes == hashes


def test_several_may_read_a_folder_at_once(folder, read):
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(ImageFolder, [folder] * 4))
    assert len({tuple(at.hashes) for at in opened}) == 1
    read.clear()
    assert ImageFolder(folder).hashes == opened[0].hashes and read == ["torn.jpg"]


def test_whoever_is_given_an_image_is_given_what_was_announced(folder):
    opened = ImageFolder(folder)
    picture(61).save(folder / "deep" / "03.bmp")
    with pytest.raises(DataError, match="has changed since its folder was opened"):
        opened[3]
