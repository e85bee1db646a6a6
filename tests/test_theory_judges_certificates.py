"""theory.judges.certificates on a table by hand: each claim reads its own oracle's errors, up to a millionth."""

import pandas as pd
import pytest

from theory.judges import certificates
from theory.ledger import FAIL, PASS

CLAIMS = {claim.id: claim.judge for claim in certificates.CLAIMS}
ORACLES = {"O1": "optimism", "O2": "ball", "O3": "hindsight"}


@pytest.mark.parametrize("claim", ORACLES)
@pytest.mark.parametrize(("error", "outcome"), [(1e-6, PASS), (1.2e-6, FAIL), (float("nan"), FAIL)])
def test_a_closed_form_is_within_a_millionth_of_its_program(claim, error, outcome):
    table = pd.DataFrame([(name, 0.0, 1e-9) for name in ORACLES.values()], columns=["oracle", "error", "gap"])
    table.loc[table["oracle"] == ORACLES[claim], ["error", "gap"]] = [error, 3e-8]
    found = CLAIMS[claim]({"certificates": table}, 0.01)
    assert (found.outcome, found.bound) == (outcome, 1e-6)
    assert "largest gap 3.0e-08" in found.detail
    others = [judge({"certificates": table}, 0.01).outcome for name, judge in CLAIMS.items() if name != claim]
    assert others == [PASS, PASS]
