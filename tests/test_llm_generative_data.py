"""Candidates and preference pairs: what is left out, what is refused, and that a place tells nothing."""

import warnings

import numpy as np
import pandas as pd
import pytest

from llm.errors import DataError
from llm.generative import pairs, pools
from llm.spec import DataSpec
from llm.text import Duplicates, load

NAMES = ("card", "cash", "fee_now", "loan", "rate")


def written(path, **columns):
    pd.DataFrame(columns).to_parquet(path)
    return DataSpec(path=str(path))


def split(n, test=4):
    return ["test" if i % test == 0 else "train" for i in range(n)]


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    n = 400
    texts = [f"prompt {i}" for i in range(n)]
    label = [NAMES[i % 5] for i in range(n)]
    return load(written(tmp_path_factory.mktemp("d") / "set.parquet", text=texts, label=label, split=split(n)))


def sides(p):
    return ((p.prompts, p.answers, p.gold), (p.held_prompts, p.held_answers, p.held_gold))


@pytest.mark.parametrize("N", [2, 4, 5])
def test_candidates_are_n_distinct_class_names_with_the_gold_among_them(classes, N):
    p = pools.of(classes, N)
    assert p.N == N
    for (prompts, answers, gold), texts, y in zip(
        sides(p), (classes.texts, classes.test_texts), (classes.y, classes.test_y), strict=True
    ):
        assert prompts == texts
        for own, g, label in zip(answers, gold, y, strict=True):
            assert len(own) == len(set(own)) == N
            assert own[g] == classes.classes[label].replace("_", " ")


def test_more_candidates_than_classes_are_all_classes(classes):
    assert pools.of(classes, 6).N == 5


def test_the_place_of_the_gold_and_its_rivals_are_even(classes):
    p = pools.of(classes, 4)
    counts = np.bincount(p.gold, minlength=4)
    assert (np.abs(counts - 75) < 4 * np.sqrt(300 * 0.25 * 0.75)).all()  # four standard deviations
    rivals = [a for own, g in zip(p.answers, p.gold, strict=True) for i, a in enumerate(own) if i != g]
    share = np.unique(rivals, return_counts=True)[1] / len(rivals)
    assert len(share) == 5 and (np.abs(share - 0.2) < 0.06).all()


def test_candidates_depend_on_the_data_alone(classes):
    first, second = pools.of(classes, 3), pools.of(classes, 3)
    assert first.answers == second.answers and first.gold.tolist() == second.gold.tolist()


@pytest.mark.parametrize("N", [-1, 0, 1, 65])
def test_a_number_of_candidates_outside_its_range_is_refused(classes, N):
    with pytest.raises(DataError, match=rf"candidates = {N}: the rule is 2 <= N <= 64"):
        pools.of(classes, N)


# ---------------------------------------------------------------------- candidates of the same kind


def kinds(path, n=48, **more):
    """Rows of the same kind in both splits; every answer names its split."""
    where = split(n)
    rows = dict(
        question=[f"what {i}" for i in range(n)],
        answer=[f"{where[i]} answer {i}" for i in range(n)],
        focus=[f"kind {i % 3}" for i in range(n)],
        split=where,
    )
    spec = written(path, **(rows | more))
    return spec.model_copy(update=dict(text_column="question", label_column="answer", same_column="focus"))


def test_candidates_of_the_same_kind_never_cross_the_splits(tmp_path):
    spec = kinds(tmp_path / "k.parquet")
    p, frame = pools.of(load(spec), 4), pd.read_parquet(spec.path).set_index("question")
    kind = frame.reset_index().set_index("answer")["focus"]
    for (prompts, answers, gold), side in zip(sides(p), ("train", "test"), strict=True):
        assert len(prompts) == (frame["split"] == side).sum()
        for prompt, own, g in zip(prompts, answers, gold, strict=True):
            assert own[g] == frame.loc[prompt, "answer"]
            assert all(a.startswith(side) and kind[a] == frame.loc[prompt, "focus"] for a in own)


def test_rows_alone_in_their_kind_or_with_too_few_rivals_are_left_out_with_a_warning(tmp_path):
    focus = [f"kind {i % 3}" for i in range(48)]
    focus[1] = "alone"
    focus[2] = focus[3] = "two"  # both of the training split
    spec = kinds(tmp_path / "k.parquet", focus=focus)
    with pytest.warns(UserWarning, match=r"1 rows are alone in 'focus': left out"):
        data = load(spec)
    assert "what 1" not in data.texts and {"what 2", "what 3"} <= set(data.texts)
    with pytest.warns(pools.FewAnswers, match="2 train prompts have fewer than 3 candidates: left out"):
        p = pools.of(data, 3)
    assert not {"what 2", "what 3"} & set(p.prompts) and "what 5" in p.prompts
    with pytest.raises(DataError, match="no train prompt has 30 candidates; give fewer with --candidates"):
        pools.of(data, 30)


def test_rows_whose_answers_are_equal_are_alone(tmp_path):
    answer = [f"a {i}" for i in range(48)]
    answer[1] = answer[2] = "the same"
    focus = ["kind"] * 48
    focus[1] = focus[2] = "pair"
    with pytest.warns(UserWarning, match="2 rows are alone"):
        data = load(kinds(tmp_path / "k.parquet", answer=answer, focus=focus))
    assert not {"what 1", "what 2"} & set(data.texts)


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        (dict(same_column="nothing"), {}, "no column 'nothing' among question, answer, focus"),
        (dict(label_column="nothing"), {}, "no column 'nothing'"),
        (dict(candidates_column="question"), {}, "not both"),
        ({}, dict(focus=[f"kind {i}" for i in range(48)]), "no two rows share 'focus'"),
        ({}, dict(answer=["one"] * 48), "no two rows share 'focus' and differ"),
    ],
)
def test_kinds_that_cannot_be_used_are_refused(tmp_path, change, columns, message):
    spec = kinds(tmp_path / "k.parquet", **columns).model_copy(update=change)
    with pytest.raises(DataError, match=message) as error:
        load(spec)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------------- preference pairs


def preferred(path, n=200, **more):
    rows = dict(
        prompt=[f"prompt {i}" for i in range(n)],
        chosen=[f"good {i}" for i in range(n)],
        rejected=[f"bad {i}" for i in range(n)],
        split=split(n),
    )
    return written(path, **{k: v for k, v in (rows | more).items() if v is not None})


def labelled(path, label, n=None, **more):
    n = n or len(label)
    first, second = ([f"{side} {i}" for i in range(n)] for side in ("first", "second"))
    return written(path, **(dict(instruction=[f"p {i}" for i in range(n)], response1=first, response2=second) | more),
                   **({} if label is None else {"majority": label}), split=split(n))  # fmt: skip


def test_the_gold_of_a_pair_is_the_chosen_answer_in_a_drawn_order(tmp_path):
    p = pairs.load(preferred(tmp_path / "a.parquet"))
    assert (p.N, len(p.prompts), len(p.held_prompts)) == (2, 150, 50)
    for prompts, answers, gold in sides(p):
        for prompt, own, g in zip(prompts, answers, gold, strict=True):
            i = prompt.split()[1]
            assert own[g] == f"good {i}" and own[1 - g] == f"bad {i}"
    assert abs(p.gold.mean() - 0.5) < 4 * 0.5 / np.sqrt(150)
    again = pairs.load(preferred(tmp_path / "a.parquet"))
    assert again.answers == p.answers and again.gold.tolist() == p.gold.tolist()


def test_a_label_names_the_better_answer_and_ties_are_left_out(tmp_path):
    label = [(0, 1, 2)[i % 3] for i in range(60)]
    with pytest.warns(pairs.Ties, match="20 pairs are ties"):
        p = pairs.load(labelled(tmp_path / "a.parquet", label))
    told = {prompt: own[g] for side in sides(p) for prompt, own, g in zip(*side, strict=True)}
    assert told == {f"p {i}": f"{('first', 'second')[label[i] - 1]} {i}" for i in range(60) if label[i]}


def test_equal_and_empty_answers_are_left_out(tmp_path):
    chosen = [f"good {i}" for i in range(40)]
    chosen[5], chosen[6], chosen[9] = " bad 5 ", "", "  "
    with pytest.warns(pairs.Ties, match="3 pairs are ties, or have equal or empty answers"):
        p = pairs.load(preferred(tmp_path / "a.parquet", 40, chosen=chosen))
    assert len(p.prompts) + len(p.held_prompts) == 37
    assert not {"prompt 5", "prompt 6", "prompt 9"} & {*p.prompts, *p.held_prompts}


def test_an_input_is_the_end_of_the_prompt(tmp_path):
    p = pairs.load(preferred(tmp_path / "a.parquet", 8, input=["more", None] * 4))
    assert set(p.prompts + p.held_prompts) == {f"prompt {i}" + ("\nmore" if i % 2 == 0 else "") for i in range(8)}


def test_without_a_split_a_share_is_held_out(tmp_path):
    p = pairs.load(preferred(tmp_path / "a.parquet", 50, split=None))
    assert (len(p.held_prompts), len(p.prompts)) == (10, 40) and not set(p.prompts) & set(p.held_prompts)


def test_rows_of_other_splits_are_left_out(tmp_path):
    where = split(40)
    where[1] = where[2] = "validation"
    p = pairs.load(preferred(tmp_path / "a.parquet", 40, split=where))
    assert not {"prompt 1", "prompt 2"} & {*p.prompts, *p.held_prompts}
    assert len(p.prompts) + len(p.held_prompts) == 38


def test_the_longer_answer_is_counted_in_characters(tmp_path):
    answers = dict(chosen=["long one", "ab", "x", "longest of all"], rejected=["short", "yz", "longer", "no"])
    spec = preferred(tmp_path / "a.parquet", 8, **{k: [*v, "a", "b", "c", "d"] for k, v in answers.items() if 0}, **{
        "chosen": answers["chosen"] + ["c1", "c2", "c3", "c4"], "rejected": answers["rejected"] + ["r", "r", "r", "r"],
        "split": ["test"] * 4 + ["train"] * 4})  # fmt: skip
    assert pairs.longer(pairs.load(spec)) == pytest.approx((1 + 0.5 + 0 + 1) / 4)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (dict(prompt=None), "no prompt column 'prompt' or 'instruction' or 'question' among chosen, rejected"),
        (dict(chosen=None), "no preference pair among prompt, rejected, split"),
        (dict(chosen=[1.0] * 8), "row 0 of column 'chosen' holds 1.0; a text"),
        (dict(prompt=["x"] * 3 + [" "] * 5), "row 3 of column 'prompt' holds ' '; a text that is not empty"),
        (dict(chosen=["same"] * 8, rejected=["same"] * 8), "every pair is a tie or has equal or empty answers"),
        (dict(split=["test"] * 8), "no train pair is left"),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(tmp_path, columns, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pairs.Ties)
        with pytest.raises(DataError, match=message) as error:
            pairs.load(preferred(tmp_path / "a.parquet", 8, **columns))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("label", "message"), [
    ([1, 2, 3, 1], "column 'majority' holds 3; a preference is 1 or 2"),
    ([1.0, 2.0, np.nan, 1.0], "column 'majority' holds nan"),
    (["1", "2", "1", "2"], "column 'majority' holds '1'"),
    (None, "no label column 'majority' or 'label'"),
])  # fmt: skip
def test_labels_that_are_no_preference_are_refused(tmp_path, label, message):
    with pytest.raises(DataError, match=message):
        pairs.load(labelled(tmp_path / "a.parquet", label, 4))
    with pytest.raises(DataError, match="no label column 'mine'"):
        pairs.load(labelled(tmp_path / "a.parquet", label, 4).model_copy(update={"label_column": "mine"}))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no data file .*none.parquet"):
        pairs.load(DataSpec(path=str(tmp_path / "none.parquet")))


def test_without_a_split_every_pair_of_a_prompt_is_on_one_side(tmp_path):
    frame = pd.DataFrame(dict(prompt=[f"p {i % 10}" for i in range(60)], chosen=[f"a {i}" for i in range(60)]))
    file = tmp_path / "pairs.parquet"
    frame.assign(rejected=[f"b {i}" for i in range(60)]).to_parquet(file)
    told = pairs.load(DataSpec(path=str(file)))
    assert len(told.prompts) == 48 and not set(told.prompts) & set(told.held_prompts)


def test_a_training_pair_of_a_test_prompt_is_dropped(tmp_path):
    frame = pd.DataFrame(dict(prompt=["x", "X ", "y"], chosen=["a", "b", "c"], rejected=["d", "e", "f"]))
    file = tmp_path / "pairs.parquet"
    frame.assign(split=["test", "train", "train"]).to_parquet(file)
    with pytest.warns(Duplicates, match="1 training prompts"):
        assert pairs.load(DataSpec(path=str(file))).prompts == ["y"]


def test_a_training_row_never_rejects_a_test_rows_answer_where_the_split_is_drawn(tmp_path):
    frame = pd.DataFrame(dict(text=[f"t {i}" for i in range(80)], label=[f"a {i}" for i in range(80)], kind="k"))
    file = tmp_path / "answers.parquet"
    frame.to_parquet(file)
    told = load(DataSpec(path=str(file), same_column="kind", label_column="label"))
    train, test = (set().union(*map(set, sets)) for sets in (told.candidates, told.test_candidates))
    held = {sets[y] for sets, y in zip(told.test_candidates, told.test_y, strict=True)}
    assert len(train) == 64 and len(test) == 80 and len(held) == 16 and not train & held
