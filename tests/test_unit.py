import pytest

from maia_lab.errors import UnitError
from maia_lab.unit import Unit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("scenes/layer4/12", Unit("scenes", "layer4", 12)),
        ("hf:a/b/stages.3/122", Unit("hf:a/b", "stages.3", 122)),
        ("net/logits/tench", Unit("net", "logits", "tench")),
    ],
)  # fmt: skip
def test_an_address_is_read_and_written_back(text, unit):
    assert Unit.parse(text) == unit
    assert str(unit) == text


@pytest.mark.parametrize("text", ["", "resnet152 layer4 122", "scenes/layer4", "scenes//3", "/a/b"])
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(UnitError, match="scenes/layer4/12"):
        Unit.parse(text)
