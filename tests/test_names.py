import pytest

from maia_lab.journal.names import ADJECTIVES, ANIMALS, is_portable, readable_name


def test_a_readable_name_is_two_words_and_can_be_a_folder():
    adjective, animal = readable_name(()).split("-")
    assert adjective in ADJECTIVES
    assert animal in ANIMALS


def test_a_taken_name_is_not_given_again_and_at_last_they_are_numbered():
    every = {f"{adjective}-{animal}" for adjective in ADJECTIVES for animal in ANIMALS}
    assert len(every) == 1600
    assert readable_name(every - {"amber-fox"}) == "amber-fox"
    name, _, number = readable_name(every).rpartition("-")
    assert name in every
    assert number == "2"
    assert all(map(is_portable, every))


@pytest.mark.parametrize("name", ["a", "amber-fox", "A.b_c-9", "x" * 64, "console", "com", "0"])
def test_plain_names_are_portable(name):
    assert is_portable(name)


HOSTILE = [
    *("", ".", "..", "...", ".hidden", "-rf", "_a", "a/b", "../a", "a/../../b", "/etc/passwd"),
    *("a\\b", "..\\a", "C:", "C:\\a", "a:b", "a b", " a", "a ", "a\n", "a\0b", "a\tb", "x" * 65),
    *("CON", "con", "Con.txt", "nul", "NUL.tar.gz", "aux", "prn", "com1", "COM9.log", "lpt0"),
    *("a.", "a..", "~", "$HOME", "a*", "a?", '"a"', "<a>", "a|b", "a;b", "a&b", "%41", "ä", "а"),
    *("a\u202eb", "a\u200bb", "ａ", "①", "a\u0301", "🦊"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_not_portable(name):
    assert not is_portable(name)
