"""A tiny random Llama and made-up sentences: the whole program in seconds, without a download.

It knows nothing; what it shows is that everything runs.  Weights and sentences are fixed by a seed.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sim.files import write_atomic

THEMES = ("card", "loan", "cash", "fee", "branch", "rate")
FILLERS = ("my", "the", "is", "was", "please", "help", "with", "why", "when", "how", "now", "today")
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
ROWS = 80


def data(folder: Path) -> dict[str, Path]:
    """Write made-up answers (a theme word per class) and preferences (the answer on the theme wins)."""
    rng = np.random.default_rng(7)
    theme = rng.choice(THEMES, ROWS)
    words = rng.choice(FILLERS, (ROWS, 8))
    text = [f"{a} {b} {t} {c}" for (a, b, c), t in zip(words[:, :3], theme, strict=True)]
    split = np.where(np.arange(ROWS) < 60, "train", "test")
    other = [rng.choice([w for w in THEMES if w != t]) for t in theme]
    right, wrong = ([f"{t} {a} {b}" for (a, b), t in zip(words[:, k : k + 2], side, strict=True)]
                    for k, side in ((3, theme), (5, other)))  # fmt: skip
    unique = [f"{i} {t}" for i, t in enumerate(text)]
    frames = {
        "answers": pd.DataFrame(dict(text=unique, label=theme, split=split)),
        "preferences": pd.DataFrame(dict(prompt=unique, chosen=right, rejected=wrong, split=split)),
    }
    files = {name: folder / f"{name}.parquet" for name in frames}
    for name, frame in frames.items():
        write_atomic(files[name], frame.to_parquet(index=False))
    return files


def model(folder: Path) -> str:
    """Write a random Llama (2 layers, width 16) with a word-level tokenizer; returns its folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from llm.loading import quiet

    if (folder / "config.json").is_file() and (folder / "model.safetensors").is_file():
        return str(folder)
    words = (*SPECIAL, *THEMES, *FILLERS, *map(str, range(10)))
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    names = dict(unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=64, **names).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)
