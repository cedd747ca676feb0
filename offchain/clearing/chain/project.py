"""Find the checkout that holds contracts, parameters and tools."""

from __future__ import annotations

import os
from pathlib import Path

from clearing.chain.errors import ProjectNotFoundError

__all__ = ["ROOT_VARIABLE", "project_root"]

ROOT_VARIABLE = "CLEARING_PROJECT"
MARKER = "ape-config.yaml"


def project_root() -> Path:
    """Return the project's folder: $CLEARING_PROJECT, else upwards from here, else from this file.

    Raises ProjectNotFoundError, also when the variable names a folder that is not the project.
    """
    named = os.environ.get(ROOT_VARIABLE)
    if named is not None:
        if (Path(named) / MARKER).is_file():
            return Path(named).resolve()
        raise ProjectNotFoundError(
            f"{ROOT_VARIABLE}={named} holds no {MARKER}", "name the folder of the checkout"
        )
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / MARKER).is_file():
                return folder
    raise ProjectNotFoundError(
        f"no {MARKER} in this folder or above it",
        f"run inside the checkout, or set {ROOT_VARIABLE} to it",
    )
