import numpy as np
from conftest import plain
from PIL import Image

from maia_lab import provenance
from maia_lab.provenance import Origin


def test_pixels_identify_an_image_whatever_it_carries():
    image = plain("red", 0)
    bare = Image.fromarray(np.asarray(image).copy())
    assert provenance.pixel_hash(bare) == provenance.pixel_hash(image)
    assert provenance.origin(bare).by == "test images"


def test_a_crop_is_a_new_image_with_its_parent_named():
    image = plain("red", 1)
    cropped = image.crop((0, 0, 8, 8))
    assert provenance.origin(cropped).parent == provenance.pixel_hash(image)
    assert provenance.base(cropped) == provenance.pixel_hash(image)
    assert provenance.original(cropped) is cropped


def test_a_masked_image_stands_for_its_original():
    image = plain("red", 2)
    dark = Image.fromarray(np.asarray(image) // 4)
    provenance.stand_in(dark, image, "system")
    assert provenance.original(dark) is image
    assert provenance.base(dark) == provenance.base(image)
    assert provenance.original(dark.copy()) is image
    dark.putpixel((0, 0), (9, 9, 9))
    assert provenance.original(dark) is dark


def test_an_edit_of_an_edit_has_the_first_image_as_its_base():
    first, second, third = plain("red", 3), plain("green", 3), plain("blue", 3)
    for child, parent in ((second, first), (third, second)):
        copy = child.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        copy.putpixel((0, 0), (1, 2, 3 + (child is third)))
        provenance.stamp(copy, Origin("edited", "e", parent=provenance.pixel_hash(parent)))
        if child is second:
            second_edit = copy
    last = second_edit.copy()
    last.putpixel((1, 1), (9, 9, 9))
    provenance.stamp(last, Origin("edited", "e", parent=provenance.pixel_hash(second_edit)))
    assert provenance.base(last) == provenance.pixel_hash(first)
