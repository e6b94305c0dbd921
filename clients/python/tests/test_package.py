"""The package itself: what is generated, its types and its version."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent


def run(*words: str) -> None:
    ended = subprocess.run([sys.executable, *words], cwd=PACKAGE, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: pip install './clients/python[check]'")


def test_the_synchronous_client_is_current() -> None:
    run("generate.py", "--check", "--sync")


def test_the_types_are_those_of_the_document() -> None:
    needs("datamodel_code_generator")
    run("generate.py", "--check")


def test_the_types_hold(tmp_path: Path) -> None:
    needs("mypy")
    run("-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "src/handful_client")


def test_the_version_is_that_of_the_workspace() -> None:
    manifest = (PACKAGE.parent.parent / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', manifest, re.MULTILINE)
    assert found and version("handful-client") == found[1]
