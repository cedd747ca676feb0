"""Get Pyth's signed updates from a price service: the port, and Hermes' HTTP interface.

What a service says is not believed: the contract checks the signatures, this only decides whether
to pay for the check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests

from clearing.chain.errors import NodeUnreachableError
from clearing.keeper.oracle_plan import Latest

__all__ = ["Hermes", "PriceUpdates", "Signed"]

WAD_DECIMALS: Final = 18
MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Signed:
    """Signed updates as the contract takes them, and what they say, by Pyth's id."""

    data: tuple[bytes, ...]
    latest: Mapping[bytes, Latest]


class PriceUpdates(Protocol):
    """Whoever has signed prices."""

    def latest(self, ids: Sequence[bytes]) -> Signed:
        """Return the newest update of these ids. Raises NodeUnreachableError."""
        ...


class Hermes:
    """A service with the interface of Hermes, version 2; the key goes into a header."""

    def __init__(self, url: str, api_key: str | None, timeout_s: float = 5.0) -> None:
        self._url = url.rstrip("/") + "/v2/updates/price/latest"
        self._headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._timeout_s = timeout_s

    def latest(self, ids: Sequence[bytes]) -> Signed:
        """Return the newest update of these ids. Raises NodeUnreachableError."""
        asked = [("ids[]", "0x" + each.hex()) for each in ids]
        try:
            answer = requests.get(
                self._url,
                params=[*asked, ("encoding", "hex"), ("parsed", "true")],
                headers=self._headers,
                timeout=self._timeout_s,
            )
            answer.raise_for_status()
            return _signed(json.loads(answer.content[:MOST_BYTES]))
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            problem = f"no usable answer from the price service ({type(error).__name__})"
            raise NodeUnreachableError(problem, "check its URL and API key") from error


def _signed(answer: Any) -> Signed:
    data = tuple(bytes.fromhex(each) for each in answer["binary"]["data"])
    latest = {}
    for each in answer["parsed"]:
        price = each["price"]
        value, expo = int(price["price"]), int(price["expo"])
        if value > 0 and -WAD_DECIMALS <= expo <= 0:
            wad = value * 10 ** (WAD_DECIMALS + expo)
            id_ = bytes.fromhex(str(each["id"]).removeprefix("0x"))
            latest[id_] = Latest(wad, int(price["publish_time"]))
    return Signed(data, latest)
