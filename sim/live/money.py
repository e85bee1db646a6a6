"""Amounts of money in whole millionths, so that sums of costs are exact and caps are never exceeded."""

import math
from typing import Any

from sim.spec import GateSpec

MILLION = 1_000_000


def in_millionths(amount: float, name: str) -> int:
    """An amount in whole millionths.

    Raises ValueError for what is not a finite number of at least one millionth.
    """
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not math.isfinite(amount):
        raise ValueError(f"{name} = {amount!r}: an amount must be a finite number")
    whole = round(amount * MILLION)
    if whole < 1:
        raise ValueError(f"{name} = {amount!r}: the smallest amount is 0.000001; give a positive one in larger units")
    return whole


def check_budget(gate: GateSpec, B: Any, beta: Any, money: float | None, mean_cost: float | None) -> tuple[int, int]:
    """A gate's budget as (money, mean cost) in millionths; (0, 0) for a budget in labels.

    Raises ValueError unless exactly one of B, beta, and money with mean_cost is given, and for a money budget of a
    gate that counts labels itself or has no hard cap.
    """
    if money is None and mean_cost is None:
        if B is None and beta is None:
            raise ValueError("no budget: give B (labels), beta (share of rounds), or money with mean_cost")
        return 0, 0
    if money is None or mean_cost is None or B is not None or beta is not None:
        raise ValueError(
            f"money = {money}, mean_cost = {mean_cost}, B = {B}, beta = {beta}: give B, or beta, or both money and "
            "mean_cost"
        )
    if gate.traits.counts or gate.coin_share or not gate.cap:
        raise ValueError(
            f"gate {gate.kind!r} (cap = {gate.cap}, coin_share = {gate.coin_share:g}) with a money budget: it counts "
            "labels, not money; use a budget in "
            "labels, or a gate that paces by what is left (llf_self_paced, llf_paced, llf_quantile, margin, random)"
        )
    total, unit = in_millionths(money, "money"), in_millionths(mean_cost, "mean_cost")
    if unit > total:
        raise ValueError(f"mean_cost = {mean_cost:g} > money = {money:g} buys no label; give more money")
    return total, unit
