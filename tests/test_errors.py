"""A message is one line that no terminal obeys, whatever names it holds."""

import pytest

from rockspace.data.patterns import MissingError
from rockspace.data.web import RefusedError
from rockspace.errors import LONGEST_MESSAGE, RockspaceError, printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\r\nerror: b", r"a\r\nerror: b"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("\x9b31m\u2028", r"\x9b31m\u2028"),
        ("Größe می‌خواهم 石.jpg", "Größe می‌خواهم 石.jpg"),
        (r"C:\a", r"C:\a"),
    ],
)
def test_names_are_shown_as_characters_and_never_obeyed(name, shown):
    for error in (RockspaceError(f"{name}: no"), MissingError(f"{name}: no", name), RefusedError(f"{name}: no", 404)):
        assert str(error) == f"{shown}: no"
        str(error).encode()


def test_a_long_value_leaves_the_key_and_what_to_do_readable():
    message = str(RockspaceError(f"config: study: found {'x' * 10**6}; shorten it"))
    assert message.startswith("config: study: found xxx")
    assert message.endswith("xxx; shorten it")
    assert " ... " in message
    assert len(message) <= LONGEST_MESSAGE + 5
    assert printable("a" * 10, longest=4) == "aa ... aa"
