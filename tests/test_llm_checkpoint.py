"""llm.tuned.checkpoint: what comes back, what is refused, and a process killed between two files."""

import json

import numpy as np
import pytest
import torch

from llm.errors import CacheError
from llm.tuned import checkpoint
from sim import files

STATE = {
    "weights": {"a": torch.arange(6.0).reshape(2, 3), "half": torch.ones(2, dtype=torch.bfloat16)},
    "design": {"V": np.asfortranarray(np.arange(4.0).reshape(2, 2)), "bought": [1, 5], "psi": 0.1 + 0.2},
    "empty": np.zeros((0, 3)),
}


def test_round_trip_is_exact(tmp_path):
    checkpoint.save(tmp_path, "k", 7, STATE)
    t, back = checkpoint.load(tmp_path, "k")
    assert t == 7
    assert torch.equal(back["weights"]["a"], STATE["weights"]["a"])
    assert back["weights"]["half"].dtype == torch.bfloat16
    assert isinstance(back["design"]["V"], np.ndarray) and back["design"]["V"].dtype == np.float64
    assert np.array_equal(back["design"]["V"], STATE["design"]["V"]) and back["empty"].shape == (0, 3)
    assert back["design"]["psi"] == 0.1 + 0.2 and back["design"]["bought"] == [1, 5]


def test_what_is_saved_is_a_copy(tmp_path):
    state = {"a": np.zeros(3)}
    checkpoint.save(tmp_path, "k", 1, state)
    state["a"][:] = 1.0
    assert checkpoint.load(tmp_path, "k")[1]["a"].tolist() == [0.0, 0.0, 0.0]


def test_nothing_there(tmp_path):
    assert checkpoint.load(tmp_path / "none", "k") is None


def test_another_configuration_is_refused_and_kept(tmp_path):
    checkpoint.save(tmp_path, "k", 7, STATE)
    with pytest.raises(CacheError, match=r"another configuration \(key k, this run's is other\); give another folder"):
        checkpoint.load(tmp_path, "other")
    assert checkpoint.load(tmp_path, "k")[0] == 7


@pytest.mark.parametrize(
    ("how", "message"),
    [("flip", "does not match its checksum"), ("cut", "does not match its checksum"), ("remove", "No such file")],
)
def test_a_damaged_state_is_refused(tmp_path, how, message):
    checkpoint.save(tmp_path, "k", 7, STATE)
    file = tmp_path / "state-00000007.pt"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    if how == "remove":
        file.unlink()
    else:
        file.write_bytes(bytes(data) if how == "flip" else bytes(data[:-5]))
    with pytest.raises(CacheError, match=f"{message}.*; delete .* to begin the run again"):
        checkpoint.load(tmp_path, "k")


@pytest.mark.parametrize("t", [None, "soon", []])
def test_a_pointer_whose_round_is_no_number_is_refused(tmp_path, t):
    checkpoint.save(tmp_path, "k", 7, STATE)
    pointer = tmp_path / checkpoint.POINTER
    pointer.write_text(json.dumps(json.loads(pointer.read_text()) | {"t": t}))
    with pytest.raises(CacheError, match="is damaged"):
        checkpoint.load(tmp_path, "k")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"file": "x"}', '{"file": 7}'])
def test_a_damaged_pointer_is_refused(tmp_path, text):
    (tmp_path / checkpoint.POINTER).write_text(text)
    with pytest.raises(CacheError, match="is damaged"):
        checkpoint.load(tmp_path, "k")


def test_killed_before_the_pointer_moved(tmp_path, monkeypatch):
    """The older state is still there and still the one that is read."""
    checkpoint.save(tmp_path, "k", 7, STATE)
    write = files.write_atomic

    def dies_at_the_pointer(path, data):
        if path.name == checkpoint.POINTER:
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(files, "write_atomic", dies_at_the_pointer)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, "k", 9, {"a": 1})
    monkeypatch.undo()
    assert checkpoint.load(tmp_path, "k")[0] == 7
    checkpoint.save(tmp_path, "k", 11, {"a": 2})
    assert checkpoint.load(tmp_path, "k") == (11, {"a": 2})
    assert [f.name for f in tmp_path.glob("state-*")] == ["state-00000011.pt"]


def test_clear_leaves_nothing(tmp_path):
    checkpoint.save(tmp_path, "k", 7, STATE)
    checkpoint.clear(tmp_path)
    assert checkpoint.load(tmp_path, "k") is None and not list(tmp_path.iterdir())


def test_the_pointer_names_round_and_configuration(tmp_path):
    checkpoint.save(tmp_path, "k", 7, STATE)
    note = json.loads((tmp_path / checkpoint.POINTER).read_text())
    assert note["t"] == 7 and note["key"] == "k" and len(note["sha256"]) == 64


def test_nothing_but_tensors_and_plain_numbers_is_unpickled(tmp_path):
    class Odd:
        pass

    checkpoint.save(tmp_path, "k", 1, {"fine": 1})
    with pytest.raises(Exception, match=r"(?i)pickle|attribute"):
        checkpoint.save(tmp_path, "k", 2, {"odd": Odd()})
    assert checkpoint.load(tmp_path, "k")[0] == 1
