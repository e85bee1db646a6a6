"""llm.text: files and data set ids to one shape, and what is refused."""

import json
import sys
import types

import numpy as np
import pandas as pd
import pytest

from llm import text
from llm.errors import DataError
from llm.spec import DataSpec

ROWS = [(f"prompt number {i}", "abc"[i % 3], "test" if i % 4 == 0 else "train") for i in range(24)]
FRAME = pd.DataFrame(ROWS, columns=["text", "label", "split"])


def load(tmp_path, frame, name="set.parquet", **options):
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_json(path, orient="records", lines=True)
    return text.load(DataSpec(path=str(path), **options))


@pytest.mark.parametrize("name", ["set.parquet", "set.jsonl"])
def test_a_file_with_known_columns(tmp_path, name):
    data = load(tmp_path, FRAME, name)
    assert (len(data.texts), len(data.test_texts), data.K) == (18, 6, 3)
    assert data.classes == ("a", "b", "c")
    assert [data.classes[k] for k in data.y] == FRAME[FRAME.split == "train"].label.tolist()
    assert data.texts == FRAME[FRAME.split == "train"].text.tolist()


def test_columns_by_option_and_by_their_usual_names(tmp_path):
    other = FRAME.rename(columns={"text": "question", "label": "qtype"})
    named = FRAME.rename(columns={"text": "body", "label": "kind", "split": "part"})
    options = dict(text_column="body", label_column="kind", split_column="part")
    assert load(tmp_path, other).digest() == load(tmp_path, named, **options).digest()


def test_without_a_split_a_share_is_held_out_and_it_is_always_the_same(tmp_path):
    bare = FRAME.drop(columns="split")
    data = load(tmp_path, bare, test_fraction=0.25)
    assert (len(data.texts), len(data.test_texts)) == (18, 6)
    assert data.digest() == load(tmp_path, bare, test_fraction=0.25).digest()


def test_other_splits_and_dropped_labels_are_left_out(tmp_path):
    more = pd.concat([FRAME, FRAME.assign(text="x" + FRAME.text, split="oos_train", label="oos")])
    assert load(tmp_path, more).digest() == load(tmp_path, FRAME).digest()
    both = load(tmp_path, more, train_splits=("train", "oos_train"))
    assert both.classes == ("a", "b", "c", "oos") and len(both.texts) == 18 + 24
    dropped = load(tmp_path, more, train_splits=("train", "oos_train"), drop_labels=("oos",))
    assert dropped.digest() == load(tmp_path, FRAME).digest()


def test_duplicates_of_the_test_split_are_dropped_with_their_number(tmp_path):
    again = FRAME[FRAME.split == "test"].assign(split="train", text=lambda f: "  " + f.text.str.upper())
    with pytest.warns(text.Duplicates, match="6 training rows also stand in the test split: dropped"):
        data = load(tmp_path, pd.concat([FRAME, again]))
    assert data.digest() == load(tmp_path, FRAME).digest()


def test_a_label_of_the_test_split_alone_is_kept_with_a_warning(tmp_path):
    with pytest.warns(text.RareLabels, match="1 labels stand in the test split only"):
        data = load(tmp_path, pd.concat([FRAME, pd.DataFrame([("new", "z", "test")], columns=FRAME.columns)]))
    assert data.classes[data.test_y[-1]] == "z"


def test_one_example_of_a_label_is_enough_to_be_a_class(tmp_path):
    data = load(tmp_path, pd.concat([FRAME, pd.DataFrame([("new", "z", "train")], columns=FRAME.columns)]))
    assert data.K == 4 and int((data.y == 3).sum()) == 1


def test_groups_are_coded(tmp_path):
    data = load(tmp_path, FRAME.assign(domain=FRAME.label.replace({"c": "a"})), group_column="domain")
    assert np.array_equal(data.groups, (data.y == 1).astype(int))


BAD = {
    "no text": (FRAME.drop(columns="text"), {}, "no text column text or question.*name it with --text-column"),
    "no label": (FRAME.drop(columns="label"), {}, "no label column .*name it with --label-column"),
    "no named column": (FRAME, dict(text_column="body"), "no text column 'body' among text, label, split"),
    "no group column": (FRAME, dict(group_column="domain"), "no named column 'domain'"),
    "empty": (FRAME[:0], {}, "no row is left"),
    "no such split": (FRAME, dict(train_splits=("a",), test_splits=("b",)), "no row is left"),
    "no test row": (FRAME[FRAME.split == "test"], {}, "both splits need rows"),
    "one label": (FRAME.assign(label="a"), {}, "one label only"),
    "one training label": (
        FRAME.assign(label=np.where(FRAME.split == "test", FRAME.label, "a")),
        {},
        "one label only",
    ),
    "empty text": (FRAME.assign(text=["  ", *FRAME.text[1:]]), {}, "1 rows have nothing in column 'text'"),
    "missing label": (FRAME.assign(label=[None, *FRAME.label[1:]]), {}, "1 rows have nothing in column 'label'"),
    "bytes": (
        FRAME.assign(text=[b"a", *FRAME.text[1:].str.encode("utf8")]),
        {},
        r"holds b'a' \(bytes\); .* strings",
    ),
    "lists": (
        FRAME.assign(text=[[t] for t in FRAME.text]),
        {},
        "row 0 of column 'text' holds .*be strings",
    ),
    "numbers for texts": (FRAME.assign(text=range(24)), {}, r"row 0 of column 'text' holds 0 \(int\)"),
    "dicts for labels": (
        FRAME.assign(label=[{"is": k} for k in FRAME.label]),
        {},
        "'label' holds .*or numbers",
    ),
    "dates for labels": (
        FRAME.assign(label=pd.Timestamp(0)),
        {},
        r"\(Timestamp\); .*or numbers",
    ),
    "endless label": (FRAME.assign(label=[np.inf, *range(23)]), {}, "holds inf, but a label must be finite"),
    "nan label": (FRAME.assign(label=[np.nan, *range(23)]), {}, "1 rows have nothing in column 'label'"),
    "only duplicates": (FRAME.assign(text="same"), {}, "all 18 training rows also stand in the test split"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_refused(tmp_path, name):
    frame, options, message = BAD[name]
    with pytest.raises(DataError, match=message):
        load(tmp_path, frame, **options)


def test_numbers_are_labels_and_bad_rows_that_are_left_out_do_no_harm(tmp_path):
    coded = load(tmp_path, FRAME.assign(label=[k == "a" for k in FRAME.label]))
    assert coded.classes == ("False", "True")
    assert load(tmp_path, FRAME.assign(label=np.arange(24) % 2)).classes == ("0", "1")
    rest = pd.DataFrame([(7, 1.5, "other")], columns=FRAME.columns)
    (tmp_path / "mixed.jsonl").write_text(pd.concat([FRAME, rest]).to_json(orient="records", lines=True))
    assert text.load(DataSpec(path=str(tmp_path / "mixed.jsonl"))).digest() == load(tmp_path, FRAME).digest()


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no data file"):
        text.load(DataSpec(path=str(tmp_path / "none.parquet")))
    (tmp_path / "bad.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as"):
        text.load(DataSpec(path=str(tmp_path / "bad.parquet")))


CHOICE = pd.DataFrame(
    dict(
        prompt=[f"why {i}" for i in range(8)],
        options=[["yes", "no", "maybe"][: 2 + i % 2] for i in range(8)],
        answer=[0, "no", 1, "maybe", "yes", 2, 0, 1],
        split=["train", "test"] * 4,
    )
)


def jsonl(tmp_path, rows):
    path = tmp_path / "choice.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in rows))
    return DataSpec(path=str(path), candidates_column="options")


def test_multiple_choice_codes_the_gold_by_text_or_index(tmp_path):
    rows = CHOICE.to_dict("records")
    data = text.load(jsonl(tmp_path, rows))
    assert data.y.tolist() == [0, 1, 0, 0] and data.test_y.tolist() == [1, 2, 2, 1]
    assert data.candidates[0] == ["yes", "no"] and data.test_candidates[0] == ["yes", "no", "maybe"]
    assert data.K == 3 and data.classes == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (dict(answer="perhaps"), "lack the gold 'perhaps'"),
        (dict(answer=7), "lack the gold 7"),
        (dict(answer=True), "lack the gold True"),
        (dict(options=["yes"]), "give at least two, each once"),
        (dict(options=["no", "no"]), "give at least two, each once"),
        (dict(options=[]), "give at least two, each once"),
        (dict(options=["no", " "]), "row 0 has an empty answer among its candidates"),
        (dict(options="no, yes"), r"row 0 of column 'options' holds 'no, yes' \(str\); candidates must be a list"),
        (dict(options=None), r"holds None \(NoneType\); candidates must be a list"),
        (dict(options={"no": 1, "yes": 2}), r"\(dict\); candidates must be a list"),
        (dict(options=["no", ["yes"]]), r"row 0 has the candidate \['yes'\] \(list\); candidates must be strings"),
        (dict(options=["no", 1]), r"row 0 has the candidate 1 \(int\)"),
    ],
)
def test_bad_candidates_are_refused(tmp_path, row, message):
    rows = CHOICE.to_dict("records")
    with pytest.raises(DataError, match=message):
        text.load(jsonl(tmp_path, [rows[0] | row, *rows[1:]]))


class Rows:
    """A split as the ``datasets`` library hands it out, with coded labels."""

    class Coded:
        def int2str(self, codes):
            return ["abc"[k] for k in codes]

    features = {"text": None, "label": Coded()}  # noqa: RUF012

    def __init__(self, frame):
        self._frame = frame.assign(label=["abc".index(k) for k in frame.label])

    def to_pandas(self):
        return self._frame[["text", "label"]]


def hub(monkeypatch, load_dataset):
    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))


def test_a_data_set_id_is_the_same_as_its_file(tmp_path, monkeypatch):
    hub(monkeypatch, lambda path: {s: Rows(FRAME[FRAME.split == s]) for s in ("train", "test")})
    assert text.load(DataSpec(path="owner/set")).digest() == load(tmp_path, FRAME).digest()


def test_a_hub_out_of_reach_is_a_clear_error(monkeypatch):
    def unreachable(path):
        raise ConnectionError("no route to host")

    hub(monkeypatch, unreachable)
    with pytest.raises(DataError, match=r"ConnectionError: no route to host; the hub cannot be reached.*\.parquet"):
        text.load(DataSpec(path="owner/set"))


def test_without_the_extra_an_id_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"needs the extra 'llm'"):
        text.load(DataSpec(path="owner/set"))
