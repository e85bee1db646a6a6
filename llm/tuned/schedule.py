"""Learning-rate factors: functions of z in [0, 1], labels bought / B for updates, the share done for a refit.

    linear    1 - z
    rex       (1 - z) / (1/2 + (1 - z)/2): stays high longer, falls faster at the end
    constant  1
Updates are clocked by labels and not by steps, so that the rate falls to 0 exactly when the budget is
spent, whatever the gate and however late it buys.  REX: Chen, Wolfe, Kyrillidis (MLSys 2022).
"""

from llm.errors import LlmError
from llm.spec import SCHEDULES


def factor(name: str, z: float) -> float:
    """The factor in [0, 1] on the learning rate at the share z.

    Raises LlmError for an unknown name or z outside [0, 1].
    """
    if not 0.0 <= z <= 1.0:
        raise LlmError(f"share z = {z!r} is not allowed; the rule is 0 <= z <= 1")
    if name == "linear":
        return 1.0 - z
    if name == "rex":
        return (1.0 - z) / (0.5 + 0.5 * (1.0 - z))
    if name == "constant":
        return 1.0
    raise LlmError(f"unknown schedule {name!r}; valid: {', '.join(SCHEDULES)}")
