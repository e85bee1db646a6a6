"""Reading a model's folder or hub id with transformers: whole, without code of its own, or one clear error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers

from llm.errors import MemoryExhaustedError, ModelError

UNUSED = ("pooler",)  # parts of an encoder that no feature reads, so that a checkpoint may lack them


class Read(NamedTuple):
    """A model as transformers hands it out; ``kind`` is "encoder" or "causal"."""

    kind: str
    network: Any
    tokenizer: Any


def read(source: str, dtype: str, name: str, ways_out: str) -> Read:
    """The model in the folder or of the hub id ``source``, in the number format ``dtype``.

    Code that comes with a model is never run.  What its weights leave to chance (only parts that are not
    used may) is drawn from a fixed seed.  Raises ModelError, which calls the model ``name`` and ends in
    ``ways_out``, whatever is wrong with it, and MemoryExhaustedError.
    """
    try:
        with quiet(), torch.random.fork_rng(devices=[]):
            config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
            kind = "causal" if is_causal(config) else "encoder"
            auto = transformers.AutoModelForCausalLM if kind == "causal" else transformers.AutoModel
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            torch.default_generator.manual_seed(0)
            network, found = auto.from_pretrained(
                source,
                dtype=getattr(torch, dtype),
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except Exception as error:  # a damaged file ends in an exception of whichever library read it
        raise _failure(error, source, name, ways_out) from error
    defect = _defect(kind, tokenizer, found)
    if defect:
        raise ModelError(f"model {name!r} {defect}; {ways_out}")
    return Read(kind, network, tokenizer)


def is_causal(config: Any) -> bool:
    """Whether a checkpoint is of a causal language model, by the class that its config names."""
    names = config.architectures or []
    return any(n.endswith(("ForCausalLM", "LMHeadModel")) for n in names)


@contextmanager
def quiet() -> Iterator[None]:
    """No bars and no reports of transformers: weights load in a moment, and what is wrong with them is raised."""
    log = transformers.utils.logging
    shown, level = log.is_progress_bar_enabled(), log.get_verbosity()
    log.disable_progress_bar()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if shown:
            log.enable_progress_bar()


def _defect(kind: str, tokenizer: Any, found: dict[str, Any]) -> str:
    """What transformers takes with a warning at most: no words, weights that are missing or of another shape.

    Tied weights count as there.
    """
    if not set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids):
        return "has no tokenizer, or one without a word"
    used = [k for k in sorted(found["missing_keys"]) if kind == "causal" or not set(k.split(".")) & set(UNUSED)]
    if used:
        return f"lacks {len(used)} weight tensors (first: {used[0]}), which would be random"
    other = sorted(str(m[0]) for m in found["mismatched_keys"])
    return f"has {len(other)} weight tensors of another shape than its config says (first: {other[0]})" if other else ""


def _failure(error: Exception, source: str, name: str, ways_out: str) -> Exception:
    text = str(error).strip() or type(error).__name__
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "out of memory" in text.lower()):
        return MemoryExhaustedError(f"out of memory reading model {name!r}; give a smaller one or --dtype bfloat16")
    if "trust_remote_code=True" in text:
        return ModelError(f"model {name!r} needs code of its own (auto_map), which is never run; {ways_out}")
    first, _, rest = text.partition("\n")
    if first.endswith(":"):
        first = f"{first} {rest.strip().partition(chr(10))[0]}"
    kind = "" if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: "
    absent = _offline() and not Path(source).is_dir()
    where = "; HF_HUB_OFFLINE is set, so only what is on this machine is found" if absent else ""
    return ModelError(f"model {name!r} cannot be loaded ({kind}{first.split('. ')[0][:200]}){where}; {ways_out}")


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "TRUE", "YES", "ON")
