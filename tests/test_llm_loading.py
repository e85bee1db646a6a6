"""llm.loading: whatever is wrong with a model's folder is one ModelError line, and none of its code is run."""

import contextlib
import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
import torch
import transformers
from safetensors.torch import load_file, save_file

from llm import loading, model
from llm.errors import MemoryExhaustedError, ModelError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    tiny_models.tiny_encoder(root / "encoder")
    tiny_models.tiny_causal(root / "causal")
    return root


@pytest.fixture
def folder(whole, tmp_path):
    """Copies a whole model's folder and damages the copy."""

    def copied(kind, *changes):
        target = tmp_path / kind
        target.mkdir()
        for file in (whole / kind).iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        for change in changes:
            change(target)
        return str(target)

    return copied


def cut(name, size):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def gone(pattern):
    return lambda folder: [file.unlink() for file in folder.glob(pattern)]


def written(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def config(file="config.json", **values):
    def change(folder):
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def weights(edit):
    def change(folder):
        path = folder / "model.safetensors"
        save_file(edit(load_file(path)), path, metadata={"format": "pt"})

    return change


def without(part):
    return weights(lambda tensors: {k: v for k, v in tensors.items() if part not in k})


W, NO = "model.safetensors", "cannot be loaded"
BAD = {
    "no bytes": ("encoder", [cut(W, 0)], "SafetensorError.*header too small"),
    "header cut": ("encoder", [cut(W, 2000)], "SafetensorError.*invalid header"),
    "garbage": ("encoder", [written(W, b"\xff" * 99)], "SafetensorError.*header too large"),
    "weights cut": ("causal", [cut(W, 9000)], "SafetensorError.*incomplete metadata"),
    "no weights": ("encoder", [gone(W)], "no file named model.safetensors"),
    "no archive": ("encoder", [gone(W), written("pytorch_model.bin", b"PK\x03\x04 no")], "RuntimeError: .*not a ZIP"),
    "no pickle": ("encoder", [gone(W), written("pytorch_model.bin", b"nothing")], "UnpicklingError: "),
    "config cut": ("encoder", [cut("config.json", 9)], "not a valid JSON"),
    "wrong type": ("encoder", [config(num_hidden_layers="two")], "'num_hidden_layers'.*expected int, got str"),
    "impossible": ("encoder", [config(hidden_size=-1)], "RuntimeError: .*negative dimension"),
    "tokenizer cut": ("encoder", [cut("tokenizer.json", 300)], NO),
    "tokenizer empty": ("encoder", [written("tokenizer.json", b"{}")], "KeyError"),
    "no tokenizer": ("encoder", [gone("tokenizer*")], "has no tokenizer, or one without a word"),
    "no causal tokenizer": ("causal", [gone("tokenizer*")], "has no tokenizer, or one without a word"),
    "a layer gone": ("encoder", [without("layer.1.")], "lacks 16 weight tensors .first: encoder.layer.1"),
    "a causal layer gone": ("causal", [without("h.1.")], "lacks 12 weight tensors .first: transformer.h.1"),
    "more layers": ("encoder", [config(num_hidden_layers=3)], "lacks 16 weight tensors .first: encoder.layer.2"),
    "no head": ("causal", [config(tie_word_embeddings=False)], "lacks 1 weight tensors .first: lm_head.weight"),
    "other shape": ("encoder", [config(vocab_size=40)], "has 1 weight tensors of another shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_folder_is_one_line_with_the_way_out(folder, name, capfd):
    kind, changes, message = BAD[name]
    path = folder(kind, *changes)
    capfd.readouterr()
    with pytest.raises(ModelError, match=message) as caught:
        model.load(path)
    text = str(caught.value)
    assert "\n" not in text and path in text and "'minilm' or 'smollm2'" in text and "HF_HUB_OFFLINE" not in text
    assert capfd.readouterr().err == ""


def test_an_encoder_may_lack_its_pooler_and_stays_the_same(folder, capfd):
    path = folder("encoder", without("pooler"))
    capfd.readouterr()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = model.load(path)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert model.load(path).digest() == first.digest()
    assert capfd.readouterr().err == ""


def test_tied_embeddings_are_no_missing_tensors(whole):
    assert "lm_head.weight" not in load_file(whole / "causal" / W)
    network = model.load(str(whole / "causal")).network
    assert network.lm_head.weight is network.transformer.wte.weight


CODE = b"import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n"


def test_code_of_a_model_is_never_run(folder, tmp_path):
    maps = {"AutoConfig": "own.C", "AutoModel": "own.M"}
    path = folder("encoder", written("own.py", CODE), config(auto_map=maps, model_type="own"))
    with pytest.raises(ModelError, match=r"needs code of its own \(auto_map\), which is never run; give a "):
        model.load(path)
    assert not list(tmp_path.rglob("ran"))


def test_a_known_model_is_loaded_without_the_code_that_it_brings(folder, tmp_path, whole):
    """Config, model and tokenizer."""
    maps = {"AutoConfig": "own.C", "AutoModel": "own.M"}
    tokenizer = config("tokenizer_config.json", auto_map={"AutoTokenizer": ["own.T", None]})
    path = folder("encoder", written("own.py", CODE), config(auto_map=maps), tokenizer)
    assert model.load(path).digest() == model.load(str(whole / "encoder")).digest()
    assert not list(tmp_path.rglob("ran"))


def test_memory_that_runs_out_is_its_own_error(whole, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", full)
    with pytest.raises(MemoryExhaustedError, match="give a smaller one or --dtype bfloat16"):
        model.load(str(whole / "encoder"))


def test_quiet_leaves_transformers_as_it_was():
    log = transformers.utils.logging
    before = log.is_progress_bar_enabled(), log.get_verbosity()
    with contextlib.suppress(KeyError), loading.quiet():
        assert not log.is_progress_bar_enabled() and log.get_verbosity() == log.ERROR
        raise KeyError
    assert (log.is_progress_bar_enabled(), log.get_verbosity()) == before
