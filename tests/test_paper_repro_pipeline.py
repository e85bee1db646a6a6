"""Replications grow until a claim is decided: only while it is open, on data that nothing else changes, up to the cap.

A toy study of numbers stands for the tables, and a toy ledger for the claims.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from paper_repro import backend, catalogue, pipeline, plan
from sim import sweeps
from sim.tiers import TIERS
from theory import claims, ledger, stats
from theory.ledger import FAIL, INCONCLUSIVE, PASS, Claim, Control
from theory.planted import edited
from theory.studies.study import Study, batch

FIRST, LOOKS = 4, 4
TIER = dataclasses.replace(TIERS["smoke"], looks=LOOKS)
PLAYED: list[tuple[str, int]] = []
HERE = backend.Where()


def value(name, replication):
    """The measured number of a replication: standard normal, but for table "still", which says nothing at all."""
    noise = np.random.default_rng([len(name), replication]).normal()
    return (-1.0) ** replication if name == "still" else float(noise)


def toy(name, grows=True):
    """A study of FIRST replications that doubles with every look, or does not grow."""

    def cells(look):
        return tuple(dict(seed=0, replication=r) for r in batch(FIRST, look))

    def play(seed, replication):
        PLAYED.append((name, replication))
        return pd.DataFrame(dict(seed=[seed], replication=[replication], value=[value(name, replication)]))

    more = {"more": lambda tier, look: cells(look)} if grows else {}
    return Study(name, lambda tier: cells(0), play, **more)


def below(bound, *tables):
    """Judge: the mean of every table is at most ``bound``."""

    def judge(given, level):
        return ledger.all_of([(name, stats.mean(given[name]["value"])) for name in tables], bound, "below", level)

    return judge


def claim(id, bound, *tables):
    judge = below(bound, *tables)
    fault = Control("values 100 higher", edited(judge, tables[0], value=lambda t: t["value"] + 100.0))
    return Claim(id, "", "", ledger.DERIVED, "ordering", tables, "", judge, (fault,))


TOYS = (
    claim("X1", 50.0, "plain"),  # clear at once
    claim("X2", 3.0, "plain"),  # clear once there are some more
    claim("X3", 0.0, "still"),  # exactly on its bound: open for ever
    claim("X4", 0.0, "frozen"),  # open, and its table does not grow
    claim("X5", 0.0, "still", "frozen"),  # open, and half of its tables grow
)


@pytest.fixture(autouse=True)
def house(monkeypatch):
    """The toy ledger in the place of the ledger; nothing is shipped."""
    PLAYED.clear()
    monkeypatch.setattr(claims, "LEDGER", TOYS)
    monkeypatch.setattr(catalogue, "shipped", dict)
    for name in ("plain", "still"):
        monkeypatch.setitem(catalogue.STUDIES, name, toy(name))
    monkeypatch.setitem(catalogue.STUDIES, "frozen", toy("frozen", grows=False))


def planned(*ids, tier=TIER):
    wanted = {name for c in TOYS if c.id in ids for name in c.tables}
    return plan.Plan(tier, plan.jobs_of(wanted, tier), ids, ())


def decided(out, *ids, tier=TIER):
    """(tables, verdict rows by id) of the toy claims."""
    made = planned(*ids, tier=tier)
    results, verdicts = pipeline.decide(made, pipeline.simulate(made, out, HERE), HERE)
    return results.tables, verdicts.set_index("id")


def test_batches_double_and_follow_one_another():
    for first in (1, 4, 5):
        looks = [batch(first, look) for look in range(5)]
        assert [r for some in looks for r in some] == list(range(16 * first))
        assert [len(some) for some in looks] == [first * n for n in (1, 1, 2, 4, 8)]


def test_a_claim_that_is_decided_at_once_plays_nothing_more(tmp_path):
    tables, rows = decided(tmp_path, "X1")
    assert rows.loc["X1", ["verdict", "looks", "n"]].tolist() == [PASS, 1, FIRST]
    assert rows.loc["X1", "level"] == claims.LEVEL / 2 and len(tables["plain"]) == len(PLAYED) == FIRST


def test_an_open_claim_grows_until_it_is_decided_and_then_stops(tmp_path, capsys):
    tables, rows = decided(tmp_path, "X2")
    looks = int(rows.loc["X2", "looks"])
    assert rows.loc["X2", "verdict"] == PASS and 1 < looks < LOOKS  # the cap is not what stops it
    n = FIRST << (looks - 1)
    assert rows.loc["X2", "n"] == len(tables["plain"]) == len(PLAYED) == n
    assert rows.loc["X2", "level"] == pytest.approx(stats.spent(claims.LEVEL, looks - 1))
    assert tables["plain"]["replication"].tolist() == list(range(n))
    one_less = tables["plain"][: n // 2]
    earlier = ledger.judge(TOYS[1], {"plain": one_less}, claims.LEVEL, looks - 2)
    assert earlier["verdict"] == INCONCLUSIVE  # it was open a look before
    assert "look 2: 1 claims are open (X2)" in capsys.readouterr().out
    kept = pd.read_parquet(tmp_path / "tables" / "plain.parquet")
    pd.testing.assert_frame_equal(kept, tables["plain"])  # what is written is what was judged


@pytest.mark.parametrize("looks", [1, 2, 4])
def test_the_cap_of_looks_is_respected(tmp_path, looks):
    tables, rows = decided(tmp_path, "X3", tier=dataclasses.replace(TIER, looks=looks))
    assert rows.loc["X3", ["verdict", "looks"]].tolist() == [INCONCLUSIVE, looks]
    assert len(tables["still"]) == FIRST << (looks - 1)
    assert rows.loc["X3", "level"] == pytest.approx(stats.spent(claims.LEVEL, looks - 1))


def test_what_cannot_grow_is_looked_at_once(tmp_path):
    tables, rows = decided(tmp_path, "X4")
    assert rows.loc["X4", ["verdict", "looks"]].tolist() == [INCONCLUSIVE, 1] and len(tables["frozen"]) == FIRST
    tables, rows = decided(tmp_path, "X5")
    assert rows.loc["X5", "looks"] == LOOKS  # the part of its tables that grows may decide it
    assert len(tables["frozen"]) == FIRST and len(tables["still"]) == FIRST << (LOOKS - 1)


def test_a_claim_is_judged_on_the_same_data_whatever_else_is_selected(tmp_path):
    """X2 makes the table of X1 grow, X5 that of X3; a claim that is decided keeps what it was judged on."""
    ids = tuple(c.id for c in TOYS)
    _, together = decided(tmp_path / "all", *ids)
    assert list(together.index) == list(ids)
    for name in ids:
        _, alone = decided(tmp_path / name, name)
        pd.testing.assert_series_equal(alone.loc[name], together.loc[name])
    assert together["looks"].tolist() != [LOOKS] * len(ids)


def test_only_the_tables_of_open_claims_grow(tmp_path):
    tables, rows = decided(tmp_path, "X1", "X3")
    assert rows["verdict"].tolist() == [PASS, INCONCLUSIVE]
    assert len(tables["plain"]) == FIRST and len(tables["still"]) == FIRST << (LOOKS - 1)
    assert sorted(PLAYED) == sorted({*PLAYED})  # nothing is played twice


def test_tables_and_verdicts_are_the_same_after_a_resumption(tmp_path):
    whole, rows = decided(tmp_path, "X2", "X3")
    before = len(PLAYED)
    again, same = decided(tmp_path, "X2", "X3")
    assert len(PLAYED) == before  # all of it is in the cache
    victims = sorted(tmp_path.rglob("still-*.json"))[::5]
    for victim in victims:
        victim.unlink()
    resumed, after = decided(tmp_path, "X2", "X3")
    assert len(PLAYED) == before + len(victims) > before
    for other, verdicts in ((again, same), (resumed, after)):
        for name in whole:
            pd.testing.assert_frame_equal(whole[name], other[name], check_exact=True)
        pd.testing.assert_frame_equal(rows, verdicts)


def test_jobs_of_later_looks_have_names_and_keys_of_their_own():
    looks = [plan.jobs_of({"plain", "hard"}, TIER, look) for look in range(3)]
    listed = [job for jobs in looks for job in jobs]
    assert len({job.key for job in listed}) == len(listed)
    toys = [job for job in listed if job.table == "plain"]
    assert len({job.name for job in toys}) == len(toys) == 4 * FIRST
    assert [len(jobs) for jobs in looks] == [n + len(sweeps.SWEEPS["hard"](TIER)) for n in (FIRST, FIRST, 2 * FIRST)]
    # the rows of a sweep's configuration go under one name, whatever look played them
    assert len({job.name for job in listed if job.table == "hard"}) == len(sweeps.SWEEPS["hard"](TIER))


def test_a_sweep_that_is_only_looked_at_does_not_grow():
    assert plan.jobs_of({"trace"}, TIER) and not plan.jobs_of({"trace"}, TIER, 1)
    assert plan.jobs_of({"frozen"}, TIER) and not plan.jobs_of({"frozen"}, TIER, 1)


def test_every_study_that_grows_doubles_its_replications():
    """The cells of the looks are different ones, and those that count replications count as many again."""
    for name, study in catalogue.STUDIES.items():
        seen = [study.cells(TIERS["smoke"])] + [study.more(TIERS["smoke"], look) for look in (1, 2)]
        flat = [repr(sorted(cell.items())) for cells in seen for cell in cells]
        assert len(set(flat)) == len(flat), name


def test_the_verdicts_of_a_command_are_those_of_its_looks(tmp_path):
    made = planned("X2", "X3")
    results = pipeline.verify(made, pipeline.simulate(made, tmp_path, HERE), HERE)
    assert results.tables["verdicts"]["id"].tolist() == ["X2", "X3"]
    assert results.tables["verdicts"]["looks"].tolist()[1] == LOOKS
    assert results.seconds["still"] > 0.0 and len(results.tables["still"]) == FIRST << (LOOKS - 1)
    assert FAIL not in set(results.tables["verdicts"]["verdict"])
