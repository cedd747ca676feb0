"""Show proposals: text for people, plain values for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from clearing.chain.contract import as_text
from clearing.chain.deployment import Deployment
from clearing.govern.actions import tell_action, tell_value
from clearing.govern.governor import Governance, Judged, Proposal, id_text
from clearing.govern.metadata import Metadata
from clearing.govern.simulation import Effect
from clearing.spec.governance import Action, State
from clearing.spec.units import DAY_S, WAD

__all__ = [
    "draft_json",
    "draft_view",
    "effects_json",
    "effects_view",
    "list_json",
    "list_view",
    "proposal_json",
    "proposal_view",
]

SHORT: Final = 12
HOUR_S: Final = 3_600


def _when(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _lasting(seconds: int) -> str:
    days, rest = divmod(seconds, DAY_S)
    return f"{days} d" if rest == 0 else f"{days} d {rest // HOUR_S} h"


def _yellow(raw: int) -> str:
    return f"{raw // WAD:,} YELLOW"


def _percent(bps: int) -> str:
    whole, part = divmod(bps, 100)
    return f"{whole}.{part:02d} %"


def _rows(pairs: Sequence[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in pairs:
        table.add_row(Text(name, style="bold"), Text(value))
    return table


def _asks(judged: Judged, timelock_s: int) -> list[tuple[str, str]]:
    delay = _lasting(timelock_s + judged.extra_delay_s)
    return [
        ("kind", judged.kind.name),
        ("quorum", f"{_percent(judged.quorum_bps)} of the supply, for or abstaining"),
        ("approval", f"more than {_percent(judged.approval_bps)} of for and against"),
        ("delay", f"{delay} from queueing to execution"),
    ]


def _calls(actions: Sequence[Action], made: Deployment) -> list[tuple[str, str]]:
    return [(f"call {place}", tell_action(it, made)) for place, it in enumerate(actions, start=1)]


def _judged_json(judged: Judged) -> dict[str, Any]:
    return {
        "kind": judged.kind.name,
        "quorum_bps": judged.quorum_bps,
        "approval_bps": judged.approval_bps,
        "extra_delay_s": judged.extra_delay_s,
    }


def _actions_json(actions: Sequence[Action], made: Deployment) -> list[dict[str, Any]]:
    return [
        {
            "target": as_text(it.target),
            "value_wei": it.value,
            "data": "0x" + it.data.hex(),
            "call": tell_action(it, made),
        }
        for it in actions
    ]


# A PROPOSAL TO BE


def draft_view(
    proposal_id: int,
    actions: Sequence[Action],
    text: Metadata,
    judged: Judged,
    *,
    made: Deployment,
    timelock_s: int,
) -> Group:
    """Show what would be proposed."""
    head = [("title", text.title), ("id", id_text(proposal_id))]
    tail = [("file", f"ipfs://{text.cid}"), ("sha256", text.digest.hex())]
    return Group(_rows([*head, *_asks(judged, timelock_s), *_calls(actions, made), *tail]))


def draft_json(
    proposal_id: int,
    actions: Sequence[Action],
    text: Metadata,
    judged: Judged,
    made: Deployment,
) -> dict[str, Any]:
    """Tell what would be proposed."""
    return {
        "id": id_text(proposal_id),
        "title": text.title,
        "description": text.description,
        "cid": text.cid,
        "sha256": text.digest.hex(),
        **_judged_json(judged),
        "actions": _actions_json(actions, made),
    }


# PROPOSALS


def list_view(at: Governance, found: Sequence[Proposal]) -> Table:
    """Show every proposal, one a row."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("id", "state", "kind", "vote ends", "title"):
        table.add_column(name)
    for it in found:
        ends = _when(at.ends_at(it.id))
        row = (id_text(it.id)[:SHORT], at.state(it.id).name, it.judged.kind.name, ends, it.title)
        table.add_row(*row)
    return table


def list_json(at: Governance, found: Sequence[Proposal]) -> dict[str, Any]:
    """Tell every proposal."""
    return {"proposals": [proposal_json(at, it) for it in found]}


def proposal_view(at: Governance, it: Proposal, timelock_s: int) -> Table:
    """Show one proposal."""
    state, (against, for_, abstain) = at.state(it.id), at.votes(it.id)
    quorum = at.quorum(it)
    rows = [("title", it.title), ("id", id_text(it.id)), ("state", state.name)]
    rows += [("proposer", as_text(it.proposer)), *_asks(it.judged, timelock_s)]
    rows += [("vote", f"{_when(it.starts_at)} to {_when(at.ends_at(it.id))}")]
    rows += [("for", _yellow(for_)), ("against", _yellow(against)), ("abstain", _yellow(abstain))]
    if quorum is not None:
        rows += [("quorum needs", _yellow(quorum))]
    if state is State.QUEUED:
        rows += [("can be executed", f"from {_when(at.eta(it.id))}")]
    rows += _calls(it.actions, at.made)
    rows += [("sha256", it.digest.hex()), ("text", it.description)]
    return _rows(rows)


def proposal_json(at: Governance, it: Proposal) -> dict[str, Any]:
    """Tell one proposal."""
    against, for_, abstain = at.votes(it.id)
    return {
        "id": id_text(it.id),
        "state": at.state(it.id).name,
        "title": it.title,
        "proposer": as_text(it.proposer),
        **_judged_json(it.judged),
        "vote_starts_at": it.starts_at,
        "vote_ends_at": at.ends_at(it.id),
        "eta": at.eta(it.id),
        "for_raw": str(for_),
        "against_raw": str(against),
        "abstain_raw": str(abstain),
        "sha256": it.digest.hex(),
        "description": it.description,
        "actions": _actions_json(it.actions, at.made),
    }


# EFFECTS


def effects_view(actions: Sequence[Action], effects: Sequence[Effect], made: Deployment) -> Table:
    """Show what each call would do."""
    rows: list[tuple[str, str]] = []
    for place, (action, effect) in enumerate(zip(actions, effects, strict=False), start=1):
        rows.append((f"call {place}", tell_action(action, made)))
        if effect.refusal:
            rows.append(("", f"REFUSED: {effect.refusal}"))
            continue
        rows.append(("", f"{effect.gas_used:,} gas"))
        rows += [
            ("", f"{it.contract}: {it.name}({_fields(it.fields, made)})") for it in effect.events
        ]
    return _rows(rows)


def effects_json(
    actions: Sequence[Action], effects: Sequence[Effect], made: Deployment
) -> dict[str, Any]:
    """Tell what each call would do."""
    return {
        "effects": [
            {
                "call": tell_action(action, made),
                "gas_used": effect.gas_used,
                "refusal": effect.refusal or None,
                "events": [
                    {
                        "contract": it.contract,
                        "name": it.name,
                        "fields": {
                            key: tell_value(value, made) for key, value in it.fields.items()
                        },
                    }
                    for it in effect.events
                ],
            }
            for action, effect in zip(actions, effects, strict=False)
        ]
    }


def _fields(fields: Any, made: Deployment) -> str:
    return ", ".join(f"{name}: {tell_value(value, made)}" for name, value in fields.items())
