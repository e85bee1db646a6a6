"""llm.frozen.features: a cache that is hit, missed and repaired."""

import json

import numpy as np
import pytest

from llm.frozen import features

TEXTS = ["a", "b", "c"]


class Counter:
    """An encoder of made-up rows that counts its calls."""

    def __init__(self, name="one", scale=1.0):
        self._name, self._scale, self.calls = name, scale, 0

    def encode(self, texts, batch_size=32, note=None):
        self.calls += 1
        rows = np.random.default_rng(len(texts)).normal(size=(len(texts), 4)) * self._scale
        return rows.astype(np.float32).astype(np.float64) if self._name == "one" else rows

    def digest(self):
        return self._name


@pytest.mark.parametrize("name", ["one", "two"])
def test_the_second_call_reads_what_the_first_wrote(tmp_path, name):
    encoder = Counter(name)
    first = features.cached(encoder, TEXTS, tmp_path)
    second = features.cached(encoder, TEXTS, tmp_path)
    assert encoder.calls == 1 and np.array_equal(first, second) and second.dtype == np.float64
    assert features.has(name, TEXTS, tmp_path)


def test_float32_rows_are_kept_as_such_and_others_are_not_rounded(tmp_path):
    for name, kind in (("one", np.float32), ("two", np.float64)):
        features.cached(Counter(name), TEXTS, tmp_path / name)
        assert np.load(next((tmp_path / name).glob("*.npy"))).dtype == kind


def test_another_model_or_other_texts_are_computed(tmp_path):
    encoder = Counter()
    for texts in (TEXTS, TEXTS[::-1], ["ab", "c"], ["a", "bc"]):
        features.cached(encoder, texts, tmp_path)
    features.cached(Counter("two"), TEXTS, tmp_path)
    assert encoder.calls == 4 and len(list(tmp_path.glob("*.npy"))) == 5
    assert not features.has("three", TEXTS, tmp_path)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-8])


def edit(path):
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")


def no_checksum(path):
    path.with_suffix(".json").write_text("{}")


def other_rows(path):
    rows = np.zeros((7, 4))
    np.save(path, rows)
    import hashlib

    path.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))


@pytest.mark.parametrize("damage", [truncate, edit, no_checksum, other_rows])
def test_damage_is_reported_and_repaired(tmp_path, damage):
    encoder = Counter()
    rows = features.cached(encoder, TEXTS, tmp_path)
    damage(next(tmp_path.glob("*.npy")))
    with pytest.warns(features.DamagedFeatures, match="it will be computed again"):
        again = features.cached(encoder, TEXTS, tmp_path)
    assert encoder.calls == 2 and np.array_equal(rows, again)
    assert np.array_equal(features.cached(encoder, TEXTS, tmp_path), rows) and encoder.calls == 2


def test_an_unfinished_file_is_computed_again_in_silence(tmp_path):
    encoder = Counter()
    features.cached(encoder, TEXTS, tmp_path)
    next(tmp_path.glob("*.json")).unlink()
    features.cached(encoder, TEXTS, tmp_path)
    assert encoder.calls == 2
