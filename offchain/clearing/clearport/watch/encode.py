"""Spell calls out as intents of the outbox."""

from __future__ import annotations

from clearing.chain.contract import Call, Contract
from clearing.channel import requests
from clearing.channel.validate import identify
from clearing.clearport.ports import Intent
from clearing.spec.types import ChannelDef
from clearing.spec.units import Address

__all__ = ["call_of", "intent_of", "intent_of_request"]


def intent_of(key: str, call: Call, channel_id: bytes = b"") -> Intent:
    """Return a contract's call as an intent. Raises ValueError for one that makes a contract."""
    if call.to is None or call.value_wei:
        raise ValueError(f"{call.what} is no plain call of a contract")
    return Intent(key, call.to, call.data, call.what, channel_id)


def intent_of_request(adjudicator: Contract, key: str, request: requests.Request) -> Intent:
    """Return a call to the Adjudicator as an intent. Raises CodecError."""
    call = adjudicator.transact(request.function, *request.arguments)
    definition = getattr(request, "definition", None)
    if not isinstance(definition, ChannelDef):
        return intent_of(key, call)
    return intent_of(key, call, identify(definition).channel_id)


def call_of(intent: Intent) -> Call:
    """Return what the intent's transaction says."""
    return Call(Address(intent.to), intent.data, intent.what)
