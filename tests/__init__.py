"""Tests, and the harness that some of them share (a dependency also installs a `tests`)."""
