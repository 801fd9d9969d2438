"""Grids: what is taken for images, what is said of them, and what is drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from maia_lab import grid
from maia_lab.grid import LIMIT, Grid, Tile, decimals
from maia_lab.plain import one_line
from maia_lab.system import DIM, Activation


def image(colour="tomato", size=(40, 40)):
    return Image.new("RGB", size, colour)


def mask(*where):
    found = np.zeros((40, 40), bool)
    found[where] = True
    return found


@pytest.mark.parametrize(
    "thing",
    [
        "red", b"red", "", 3, 2.5, True, None, [], (), {}, [1, 2], ["a"], ("a", "b"), {"a": 1},
        {"a": []}, {1: image()}, [image(), "x"], [image(), 3], ([1, 2], [image()]), ([], []),
        (True, image()), (image(), "a", "b"), (image(), 1, 2), (image(), image(), 1),
        [[image()], 3], np.zeros((4, 4)), object,
    ],
)  # fmt: skip
def test_what_holds_no_images_is_no_grid(thing):
    assert Grid.of(thing) is None


@pytest.mark.parametrize(
    ("thing", "tiles"),
    [
        (image(), [("", None)]),
        ([image(), image()], [("", None)] * 2),
        ((image(), image()), [("", None)] * 2),
        ((0.5, image()), [("", 0.5)]),
        ([(0.5, image()), (np.float32(1), image())], [("", 0.5), ("", 1.0)]),
        ([(image(), 0.5)], [("", 0.5)]),
        ([("a red circle", image())], [("a red circle", None)]),
        ([(0.5, "original", image())], [("original", 0.5)]),
        (([0.5, 1], [image(), image()]), [("", 0.5), ("", 1.0)]),
        (([image(), image()], ["original", "blue"]), [("original", None), ("blue", None)]),
        ({"red": [image()], "blue": [(0.5, image())]}, [("red", None), ("blue", 0.5)]),
        (Activation(0.5, 99.0, image()), [("", 0.5)]),
        ([Activation(0.5, 99.0, image())] * 2, [("", 0.5)] * 2),
        (Grid((Tile(image(), "x"),)), [("x", None)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_experiments_hold_images_in_is_a_grid(thing, tiles):
    found = Grid.of(thing)
    assert found is not None
    assert [(tile.caption, tile.value) for tile in found.tiles] == tiles


def test_an_activation_is_shown_darkened_outside_its_region():
    activation = Activation(0.5, 99.0, image("#c86432"), None, mask(slice(0, 20)))
    (tile,) = Grid.of([activation]).tiles
    pixels = np.asarray(tile.image)
    assert tuple(pixels[0, 0]) == (200, 100, 50)
    assert tuple(pixels[39, 39]) == tuple(round(v * DIM) for v in (200, 100, 50))


@pytest.mark.parametrize(
    ("tiles", "alt"),
    [
        ([Tile(image())], "1 image"),
        ([Tile(image(), value=0.93)], "1 image, activation 0.93"),
        ([Tile(image(), value=v) for v in (0.71, 0.93, 0.8)], "3 images, activations 0.93 to 0.71"),
        ([Tile(image(), "a"), Tile(image(), "a"), Tile(image(), "b")], "3 images: a; b"),
        ([Tile(image(), "x\x1b[31m\ny")], "1 image: x y"),
        ([Tile(image(), f"c{i}") for i in range(9)], "9 images: c0; c1; c2; c3; c4; c5; …"),
    ],
)
def test_the_alternative_text_says_how_many_how_strong_and_what(tiles, alt):
    assert Grid(tuple(tiles)).alt == alt


@pytest.mark.parametrize(
    ("values", "count"),
    [([], 2), ([0], 2), ([0.93], 2), ([0.05], 3), ([3.2], 2), ([25.4, 0.1], 1), ([140], 0)],
)
def test_values_of_one_grid_are_written_with_as_many_decimals_as_tell_them_apart(values, count):
    assert decimals(values) == count


@pytest.mark.parametrize("count", [1, 2, 5, 7, 15, 40, 120, 400])
@pytest.mark.parametrize("size", [(128, 128), (900, 300), (64, 512)])
def test_no_picture_is_larger_than_what_models_take_in(count, size):
    tiles = tuple(Tile(image(size=size), "a caption of several words", 0.5) for _ in range(count))
    assert max(Grid(tiles).draw().size) <= LIMIT


@pytest.mark.parametrize("columns", [1, 200])
def test_too_long_a_column_or_row_is_broken_rather_than_grow_too_large(columns):
    many = tuple([Tile(image(), "words", 1.0)] * 200)
    assert max(Grid(many, columns).draw().size) <= LIMIT


def test_more_images_than_can_be_drawn_are_said_to_be_more():
    many = Grid(tuple([Tile(image())] * (grid.MOST + 1)))
    assert many.alt == "201 images (the first 200 are shown)"
    assert many.draw().size == Grid(many.tiles[: grid.MOST]).draw().size


def test_fifteen_images_fill_three_rows_of_five():
    assert Grid.of([image()] * 15).draw().size == (5 * 140 + 12, 3 * (128 + 4 + 12) + 12)


def test_an_original_and_its_edit_stay_in_one_row():
    pairs = Grid.of(([image()] * 10, ["original", "make it blue"] * 5))
    columns = (pairs.draw().width - 12) // 140
    assert columns % 2 == 0


def test_conditions_of_equal_size_stand_in_rows_of_their_own():
    assert Grid.of({"red": [image()] * 7, "blue": [image()] * 7}).columns == 7


def test_images_keep_their_proportions():
    drawn = np.asarray(Grid.of([image("#ff0000", (300, 100))] * 2).draw(tile=120))
    red = (drawn[..., 0] == 255) & (drawn[..., 1] == 0) & (drawn[..., 3] == 255)
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    assert (rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) == (40, 12 + 2 * 120)


def test_bars_are_as_long_as_values_are_large():
    drawn = np.asarray(Grid.of([(v, image()) for v in (1.0, 0.5, 0.0, -1.0, float("nan"))]).draw())
    blue = (drawn[..., 2] > 200) & (drawn[..., 0] < 90) & (drawn[..., 3] > 200)
    lengths = [int(blue[:, x : x + 128].any(0).sum()) for x in range(12, 712, 140)]
    assert lengths == pytest.approx([128, 64, 0, 0, 0], abs=2)


def test_without_a_positive_activation_there_is_no_bar():
    drawn = np.asarray(Grid.of([(-1.0, image()), (-2.0, image())]).draw())
    assert not ((drawn[..., 2] > 200) & (drawn[..., 0] < 90)).any()


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", [(255, 255, 255), (17, 17, 17)])
def test_the_ink_can_be_read_on_light_and_dark_pages(ground):
    drawn = np.asarray(Grid.of([(0.5, image())]).draw()).reshape(-1, 4)
    ink = drawn[(drawn[:, 3] == 255) & (np.ptp(drawn[:, :3].astype(int), 1) < 20)][0]
    one, other = sorted(luminance([c / 255 for c in colour[:3]]) for colour in (ink, ground))
    assert (other + 0.05) / (one + 0.05) >= 4


def test_where_transparency_is_ignored_the_ground_is_white():
    flat = Grid.of([(0.5, image())]).draw().convert("RGB")
    assert flat.getpixel((0, 0)) == (255, 255, 255)
    assert min(flat.crop((12, 148, 140, 170)).convert("L").getextrema()) < 160


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"]
)
def test_images_of_every_mode_are_drawn(mode):
    source = Image.new(mode, (30, 30)) if mode in ("I", "F", "I;16") else image().convert(mode)
    assert Grid.of([source, source]).draw().mode == "RGBA"


def test_a_map_of_numbers_is_spread_over_the_greys():
    numbers = Image.fromarray(np.tile(np.linspace(-3, 5, 64, dtype=np.float32), (64, 1)))
    drawn = np.asarray(Grid.of(numbers).draw())[70, 16:136, 0]
    assert drawn[0] < 15 and drawn[-1] > 240


@pytest.mark.parametrize(
    "caption",
    ["word", "many words " * 30, "x" * 500, "\x00\u202e\x1b[31m", "漢字 " * 40, "", " "],
)
def test_no_caption_is_wider_than_its_tile_or_longer_than_its_lines(caption):
    lines = grid._wrap(one_line(caption), grid._font(13), 128)
    assert len(lines) <= grid.LINES
    assert all(grid._font(13).getlength(line) <= 128 for line in lines)


def test_a_caption_that_does_not_fit_ends_in_dots():
    *_, last = grid._wrap(
        "a red circle and a blue one on grass, seen from afar", grid._font(13), 128
    )
    assert last.endswith("…")


def test_drawing_the_same_grid_twice_gives_the_same_file():
    def file():
        data = io.BytesIO()
        Grid.of([(0.5, "a", image()), (0.1, "b", image("teal"))]).draw().save(data, "PNG")
        return data.getvalue()

    assert file() == file()
