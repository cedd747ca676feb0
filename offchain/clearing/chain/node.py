"""Talk JSON-RPC to a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import requests
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from clearing.chain.errors import NodeRefusedError, NodeUnreachableError

__all__ = ["BatchNode", "HttpNode", "Node", "as_bytes", "as_int"]

TIMEOUT_S = 20


class Node(Protocol):
    """Whatever answers JSON-RPC requests."""

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """Return the result, or raise NodeRefusedError or NodeUnreachableError."""
        ...


class BatchNode(Node, Protocol):
    """A node that also answers many requests at once."""

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Return each call's result, or the NodeRefusedError that it was answered with.

        Raises NodeRefusedError if the batch as a whole is refused, and NodeUnreachableError.
        """
        ...


class HttpNode:
    """A node behind a URL; every request has a timeout."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url
        # Retrying is the caller's decision: a transaction that was sent must not be sent blindly.
        self._provider = HTTPProvider(
            url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None
        )

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """Return the result, or raise NodeRefusedError or NodeUnreachableError."""
        try:
            answer = self._provider.make_request(RPCEndpoint(method), list(params))
        except (requests.RequestException, Web3Exception, ValueError) as error:
            raise NodeUnreachableError(
                f"no answer to {method} from {self.url}", "check that the node runs and the URL"
            ) from error
        refusal = answer.get("error")
        if refusal is None:
            return answer.get("result")
        raise _refused(method, refusal)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Return each call's result, or the NodeRefusedError that it was answered with.

        Raises NodeRefusedError if the batch as a whole is refused, and NodeUnreachableError.
        """
        if not calls:
            return []
        sent = [(RPCEndpoint(method), list(params)) for method, params in calls]
        try:
            answers = self._provider.make_batch_request(sent)
        except (requests.RequestException, Web3Exception, ValueError, KeyError) as error:
            raise NodeUnreachableError(
                f"no answer to {len(calls)} calls from {self.url}",
                "check that the node runs and the URL",
            ) from error
        if not isinstance(answers, list):
            raise _refused("batch", answers.get("error", "no list of answers"))
        if len(answers) != len(calls):
            raise NodeUnreachableError(
                f"{len(answers)} answers to {len(calls)} calls from {self.url}", "ask another node"
            )
        return [
            answer.get("result")
            if answer.get("error") is None
            else _refused(method, answer["error"])
            for (method, _), answer in zip(calls, answers, strict=True)
        ]


def as_int(quantity: str) -> int:
    """Return a JSON-RPC quantity (`0x…`) as an integer."""
    return int(quantity, 16)


def as_bytes(data: str) -> bytes:
    """Return JSON-RPC data (`0x…`) as bytes."""
    return bytes.fromhex(data.removeprefix("0x"))


def _refused(method: str, refusal: Any) -> NodeRefusedError:
    """Return the error of an answer, an object or a mere text."""
    if not isinstance(refusal, Mapping):
        return NodeRefusedError(method, 0, str(refusal))
    return NodeRefusedError(
        method,
        int(refusal.get("code", 0)),
        str(refusal.get("message", "")),
        _revert_data(refusal.get("data")),
    )


def _revert_data(data: object) -> bytes | None:
    """Return what a revert returned, None if the node did not say."""
    if isinstance(data, str) and data.startswith("0x"):
        return as_bytes(data)
    return None
