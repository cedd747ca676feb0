"""Ask a node from an event loop: in a thread, not for ever, and nonsense is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from eth_abi.exceptions import DecodingError

from clearing.chain.errors import NodeUnreachableError

__all__ = ["ask_in_thread"]

P = ParamSpec("P")
T = TypeVar("T")


async def ask_in_thread(
    timeout_s: float, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return what a blocking function returns.

    Raises TimeoutError (the thread goes on by itself, so `ask` must change nothing that others
    see), what `ask` raises, and NodeUnreachableError for an answer that cannot be read.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.to_thread(ask, *args, **kwargs)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, DecodingError) as error:
        raise NodeUnreachableError(
            f"the node's answer makes no sense ({type(error).__name__}: {error})",
            "ask another node",
        ) from error
