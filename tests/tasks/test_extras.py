"""Libraries that an extra brings: there when they are used, or a line that says what installs them."""

from __future__ import annotations

import json

import pytest
import typer

from tasks.extras import MissingExtraError, import_extra
from tfcli.cli.boundary import explained_errors

FIX = 'nowhere isn\'t installed: pip install "tfcli[spell]"'


def test_a_library_that_is_there_is_imported() -> None:
    assert import_extra("json", "spell") is json


def test_for_one_that_is_missing_the_error_says_what_installs_it() -> None:
    with pytest.raises(MissingExtraError) as raised:
        import_extra("nowhere", "spell")
    assert str(raised.value) == FIX


def test_the_command_line_shows_that_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as raised, explained_errors(debug=False):
        import_extra("nowhere", "spell")
    assert raised.value.exit_code == 2
    assert capsys.readouterr().err == f"error: {FIX}\n"


def test_any_other_value_error_is_a_bug_and_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="negative"), explained_errors(debug=False):
        raise ValueError("negative")
