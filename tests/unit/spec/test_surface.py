"""The specification names what it offers, and nothing else."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import clearing.spec

MODULES = [module.name for module in pkgutil.iter_modules(clearing.spec.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_all__module__lists_what_exists(name):
    module = importlib.import_module(f"clearing.spec.{name}")

    assert module.__all__
    assert len(set(module.__all__)) == len(module.__all__)
    assert [listed for listed in module.__all__ if not hasattr(module, listed)] == []
