"""Closed forms of the simulator against certified programs: O1-O3."""

from collections.abc import Callable

from theory.ledger import CLASSICAL, DERIVED, Claim, Control, Finding, Tables, compared, within
from theory.planted import shifted

TOLERANCE = 1e-6  # largest relative error |closed - certified| / (1 + |certified|)


def agrees(name: str) -> Callable[[Tables, float], Finding]:
    """Judge of one closed form (column ``oracle``): its largest relative error against the program is <= 1e-6."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["certificates"]
        rows = rows[rows["oracle"] == name]
        return within(compared(rows["error"], TOLERANCE), f"largest gap {rows['gap'].max():.1e}")

    return judge


def off(name: str) -> tuple[Control]:
    """The planted fault: a closed form that is off by 1e-5."""
    return (shifted(agrees(name), "certificates", "error", 1e-5, "closed form off by 1e-5"),)


CLAIMS = (
    Claim("O1", "oracle", "Optimistic score: closed form = convex program to 1e-6", CLASSICAL, "certificate",
          ("certificates",), "f9_ledger", agrees("optimism"), off("optimism")),
    Claim("O2", "oracle", "Ball best response: closed form = cone program to 1e-6", DERIVED, "certificate",
          ("certificates",), "f9_ledger", agrees("ball"), off("ball")),
    Claim("O3", "oracle", "Hindsight labels: the B largest latencies = linear program to 1e-6", DERIVED, "certificate",
          ("certificates",), "f9_ledger", agrees("hindsight"), off("hindsight")),
)  # fmt: skip
