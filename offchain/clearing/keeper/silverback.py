"""Run the jobs inside a Silverback bot: `silverback run clearing.keeper.silverback:bot`.

Silverback is not among the project's locked packages; this module imports it when it is asked for
the bot. Settings come from the environment: KEEPER_CONFIG names the configuration, KEEPER_JOBS the
jobs. Silverback counts blocks and restarts; replica, decisions and sending are the same as with
`clearing keeper run`.
"""

from __future__ import annotations

import importlib
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from clearing.clearport.daemon.logs import make_log
from clearing.clearport.errors import ConfigError
from clearing.keeper.build import build
from clearing.keeper.config import JOBS, read_config
from clearing.keeper.supervisor import Running

__all__ = ["make_bot"]

INSTALL: Final = "pip install silverback, in an environment of its own, and this project into it"


def make_bot() -> Any:
    """Return a bot that turns every job at each block.

    Raises ConfigError if Silverback is not installed, or for the settings.
    """
    try:
        silverback: Any = importlib.import_module("silverback")
        ape: Any = importlib.import_module("ape")
    except ImportError as error:
        raise ConfigError("Silverback is not installed", INSTALL, field="silverback") from error
    config = read_config(Path(os.environ.get("KEEPER_CONFIG", "keeper.toml")))
    names = os.environ.get("KEEPER_JOBS", "liquidation").split(",")
    jobs = [job for job in JOBS if job in names]
    log = make_log(config.log.level, None)
    bot: Any = silverback.SilverbackBot()
    opened = ExitStack()
    running: list[Running] = []

    @bot.on_startup()  # type: ignore[untyped-decorator]  # Silverback's decorators
    def start(_state: object) -> None:
        is_standby = os.environ.get("KEEPER_STANDBY") == "1"
        running.extend(opened.enter_context(build(config, jobs, log, is_standby=is_standby)))

    @bot.on_(ape.chain.blocks)  # type: ignore[untyped-decorator]  # the same
    def on_block(_block: object) -> None:
        for each in running:
            each.job.turn()

    @bot.on_shutdown()  # type: ignore[untyped-decorator]  # the same
    def stop() -> None:
        opened.close()

    return bot


def __getattr__(name: str) -> Any:
    """Make `bot` when it is asked for: importing this module needs no Silverback."""
    if name == "bot":
        return make_bot()
    raise AttributeError(name)
