"""Encode what two daemons say to each other about one channel."""

from __future__ import annotations

from typing import Final

from clearing.clearport.codec.moves import (
    MAX_TRADES,
    decode_move,
    decode_wish,
    encode_move,
    encode_wish,
)
from clearing.clearport.codec.primitives import (
    MAX_EPOCH,
    MAX_TIME,
    cleaned,
    each,
    free_text,
    name,
    natural,
    part,
    raw_bytes,
    signature,
    word,
    wrong,
)
from clearing.clearport.codec.states import decode_definition, encode_definition
from clearing.clearport.codec.values import (
    decode_terms,
    decode_traded,
    encode_terms,
    encode_traded,
)
from clearing.clearport.core import messages
from clearing.peer.v1 import peer_pb2 as pb

__all__ = [
    "decode_message",
    "decode_request",
    "decode_trade",
    "decode_trade_ids",
    "encode_message",
    "encode_request",
    "encode_trade",
    "encode_trade_ids",
]

REQUEST_ID_BYTES: Final = 16


def encode_message(channel_id: bytes, message: messages.Message) -> pb.Message:
    """Return what is said about a channel. Raises WireError."""
    channel_id = word("channel_id", channel_id)
    match message:
        case messages.Proposal():
            return pb.Message(channel_id=channel_id, proposal=_encode_proposal(message))
        case messages.Answer():
            return pb.Message(channel_id=channel_id, answer=_encode_answer(message))
        case messages.TradeReport():
            return pb.Message(channel_id=channel_id, report=_encode_report(message))
        case messages.Refusal():
            return pb.Message(channel_id=channel_id, refusal=_encode_refusal(message))
        case messages.Reestablish():
            return pb.Message(channel_id=channel_id, reestablish=_encode_reestablish(message))
        case messages.Request():
            return pb.Message(channel_id=channel_id, request=encode_request(message))
        case messages.Consent():
            consent = pb.Consent(request_id=_request_id(message.request_id))
            return pb.Message(channel_id=channel_id, consent=consent)
        case messages.Rejection():
            rejection = pb.Rejection(
                request_id=_request_id(message.request_id), reason=cleaned(message.reason)
            )
            return pb.Message(channel_id=channel_id, rejection=rejection)


def decode_message(message: pb.Message) -> tuple[bytes, messages.Message]:
    """Return the channel's id and what is said about it. Raises WireError."""
    return word("channel_id", message.channel_id), _decode_body(message)


def _decode_body(message: pb.Message) -> messages.Message:
    match message.WhichOneof("body"):
        case "proposal":
            return part(message, "proposal", _decode_proposal)
        case "answer":
            return part(message, "answer", _decode_answer)
        case "report":
            return part(message, "report", _decode_report)
        case "refusal":
            return part(message, "refusal", _decode_refusal)
        case "reestablish":
            return part(message, "reestablish", _decode_reestablish)
        case "request":
            return part(message, "request", decode_request)
        case "consent":
            return part(message, "consent", _decode_consent)
        case "rejection":
            return part(message, "rejection", _decode_rejection)
        case None:
            raise wrong("body", "a message")


# REQUESTS


def encode_request(request: messages.Request) -> pb.Request:
    """Return a request. Raises WireError."""
    definition, terms = request.definition, request.terms
    return pb.Request(
        request_id=_request_id(request.request_id),
        wish=encode_wish(request.wish),
        definition=None if definition is None else encode_definition(definition),
        terms=None if terms is None else encode_terms(terms),
    )


def decode_request(request: pb.Request) -> messages.Request:
    """Return a request. Raises WireError."""
    has_definition, has_terms = request.HasField("definition"), request.HasField("terms")
    return messages.Request(
        request_id=_request_id(request.request_id),
        wish=part(request, "wish", decode_wish),
        definition=part(request, "definition", decode_definition) if has_definition else None,
        terms=part(request, "terms", decode_terms) if has_terms else None,
    )


def _decode_consent(consent: pb.Consent) -> messages.Consent:
    return messages.Consent(_request_id(consent.request_id))


def _decode_rejection(rejection: pb.Rejection) -> messages.Rejection:
    request_id = _request_id(rejection.request_id)
    return messages.Rejection(request_id, free_text("reason", rejection.reason))


def _request_id(value: bytes) -> bytes:
    return raw_bytes("request_id", value, REQUEST_ID_BYTES)


# VERSIONS


def _encode_proposal(proposal: messages.Proposal) -> pb.Proposal:
    return pb.Proposal(
        epoch=natural("epoch", proposal.epoch, MAX_EPOCH),
        version=natural("version", proposal.version),
        signed_at=natural("signed_at", proposal.signed_at, MAX_TIME),
        move=encode_move(proposal.move),
        trade_ids=encode_trade_ids(proposal.trade_ids),
        digest=word("digest", proposal.digest),
        signature=proposal.signature.to_bytes(),
    )


def _decode_proposal(proposal: pb.Proposal) -> messages.Proposal:
    move = part(proposal, "move", decode_move)
    return messages.Proposal(
        epoch=proposal.epoch,
        version=proposal.version,
        signed_at=natural("signed_at", proposal.signed_at, MAX_TIME),
        move=move,
        trade_ids=decode_trade_ids(proposal),
        digest=word("digest", proposal.digest),
        signature=signature("signature", proposal.signature),
    )


def encode_trade_ids(trade_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a Book's trades. Raises WireError."""
    return each("trade_ids", _trade_id, trade_ids, MAX_TRADES)


def decode_trade_ids(holder: pb.Proposal | pb.Half) -> tuple[str, ...]:
    """Return the names of a Book's trades, one for each and none for another move."""
    trade_ids = each("trade_ids", _trade_id, holder.trade_ids, MAX_TRADES)
    # Reading `book` of another move gives an empty one.
    if len(trade_ids) != len(holder.move.book.trades):
        raise wrong("trade_ids", "one for each trade of a book")
    return trade_ids


def _trade_id(text: str) -> str:
    return name("", text)


def _encode_answer(answer: messages.Answer) -> pb.Answer:
    return pb.Answer(
        epoch=natural("epoch", answer.epoch, MAX_EPOCH),
        version=natural("version", answer.version),
        signature=answer.signature.to_bytes(),
    )


def _decode_answer(answer: pb.Answer) -> messages.Answer:
    return messages.Answer(answer.epoch, answer.version, signature("signature", answer.signature))


def _encode_refusal(refusal: messages.Refusal) -> pb.Refusal:
    return pb.Refusal(
        epoch=natural("epoch", refusal.epoch, MAX_EPOCH),
        version=natural("version", refusal.version),
        code=name("code", refusal.code),
        detail=cleaned(refusal.detail),
    )


def _decode_refusal(refusal: pb.Refusal) -> messages.Refusal:
    return messages.Refusal(
        epoch=refusal.epoch,
        version=refusal.version,
        code=name("code", refusal.code),
        detail=free_text("detail", refusal.detail),
    )


def _encode_reestablish(at: messages.Reestablish) -> pb.Reestablish:
    return pb.Reestablish(
        epoch=natural("epoch", at.epoch, MAX_EPOCH),
        last_signed=natural("last_signed", at.last_signed),
        last_signed_digest=_digest_at("last_signed", at.last_signed, at.last_signed_digest),
        last_full=natural("last_full", at.last_full),
        last_full_digest=_digest_at("last_full", at.last_full, at.last_full_digest),
    )


def _decode_reestablish(at: pb.Reestablish) -> messages.Reestablish:
    return messages.Reestablish(
        epoch=at.epoch,
        last_signed=at.last_signed,
        last_signed_digest=_digest_at("last_signed", at.last_signed, at.last_signed_digest),
        last_full=at.last_full,
        last_full_digest=_digest_at("last_full", at.last_full, at.last_full_digest),
    )


def _digest_at(field: str, version: int, digest: bytes) -> bytes:
    """Return the digest of a version; none belongs to version 0, which stands for nothing."""
    return word(f"{field}_digest", digest) if version else raw_bytes(f"{field}_digest", digest, 0)


# TRADES


def encode_trade(trade: messages.ReportedTrade) -> pb.ReportedTrade:
    """Return a trade with its id. Raises WireError."""
    return pb.ReportedTrade(
        trade_id=name("trade_id", trade.trade_id), trade=encode_traded(trade.trade)
    )


def decode_trade(trade: pb.ReportedTrade) -> messages.ReportedTrade:
    """Return a trade with its id. Raises WireError."""
    trade_id = name("trade_id", trade.trade_id)
    return messages.ReportedTrade(trade_id, part(trade, "trade", decode_traded))


def _encode_report(report: messages.TradeReport) -> pb.TradeReport:
    return pb.TradeReport(trades=each("trades", encode_trade, report.trades, MAX_TRADES))


def _decode_report(report: pb.TradeReport) -> messages.TradeReport:
    return messages.TradeReport(each("trades", decode_trade, report.trades, MAX_TRADES))
