"""How good calls of governance are spoiled in one thing."""

from __future__ import annotations

from typing import Final

from tests.harness.governance_draft import Draft
from tests.invariants.governance_drafts import Drafter

__all__ = ["high_s", "params_of", "spoiled_draft"]

ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Number of points of secp256k1."""
GOOD_SHARE: Final = 0.6
V_SUM: Final = 27 + 28


def params_of(parts: tuple[int, int, int]) -> bytes:
    """Return votes against, in favour and abstaining as a fractional vote takes them."""
    return b"".join(part.to_bytes(16, "big") for part in parts)


def high_s(rsv: bytes) -> bytes:
    """Return the other form of a signature, which is refused."""
    s = ORDER - int.from_bytes(rsv[32:64], "big")
    return rsv[:32] + s.to_bytes(32, "big") + bytes([V_SUM - rsv[64]])


def spoiled_draft(drafter: Drafter, draft: Draft) -> tuple[str, Draft]:
    """Return what was spoiled, if anything, and the draft, mostly as it is."""
    if drafter.random.random() < GOOD_SHARE:
        return "", draft
    which = drafter.random.choice(("text", "value", "calldata", "target", "order", "one more"))
    targets, values, calldatas = draft.targets, draft.values, draft.calldatas
    match which:
        case "text":
            changed = drafter.with_lists(draft, description=draft.description + " ")
        case "value":
            changed = drafter.with_lists(draft, values=(values[0] + 1, *values[1:]))
        case "calldata":
            data = calldatas[0][:-1] + bytes([(calldatas[0] or b"\0")[-1] ^ 1])
            changed = drafter.with_lists(draft, calldatas=(data, *calldatas[1:]))
        case "target":
            target = drafter.world.address("yellow")
            changed = drafter.with_lists(draft, targets=(target, *targets[1:]))
        case "order" if draft.actions[::-1] != draft.actions:
            changed = drafter.with_lists(
                draft, targets=targets[::-1], values=values[::-1], calldatas=calldatas[::-1]
            )
        case _:
            which = "one more"
            changed = drafter.with_lists(
                draft,
                targets=(*targets, targets[0]),
                values=(*values, 0),
                calldatas=(*calldatas, b""),
            )
    return f"~{which}", changed
