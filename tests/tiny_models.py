"""Tiny randomly initialised models with word-level tokenizers, written as Hugging Face folders without a network.

They know nothing, but they are real: the same classes, files and tokenizer calls as a model from the hub.  Weights
depend on ``seed`` alone.
"""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

WIDTH, LAYERS, HEADS, POSITIONS = 16, 2, 2, 64
THEMES = ("card", "loan", "cash", "fee")
FILLERS = ("my", "the", "a", "is", "was", "please", "help", "with", "why", "when", "how", "now", "today", "again")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (*THEMES, *FILLERS, "yes", "no", "maybe", "question", "answer", ":", "?", "0", "1", "2", "3")


def sentences(n, classes=4, seed=0):
    """n short texts and their classes (n,): two fillers before and after the theme word of the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    fill = rng.choice(FILLERS, size=(n, 4))
    return [f"{a} {b} {THEMES[k]} {c} {d}" for k, (a, b, c, d) in zip(y, fill, strict=True)], y


def _tokenizer(folder: Path, causal: bool) -> int:
    vocabulary = {word: i for i, word in enumerate((*SPECIAL, *WORDS))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if not causal:
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    special = dict(unk_token="[UNK]", pad_token="[PAD]")
    ends = dict(bos_token="[CLS]", eos_token="[SEP]") if causal else dict(cls_token="[CLS]", sep_token="[SEP]")
    PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=POSITIONS, **special, **ends).save_pretrained(
        folder
    )
    return len(vocabulary)


def _save(network_class, config, folder: Path, seed: int) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network_class(config).save_pretrained(folder)
    return str(folder)


def tiny_encoder(folder, seed=0, dropout=0.1):
    """Write a BERT-like encoder (2 layers, width 16) into ``folder``; returns its path."""
    folder = Path(folder)
    size = _tokenizer(folder, causal=False)
    config = BertConfig(
        vocab_size=size,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=POSITIONS,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=0,
    )
    return _save(BertModel, config, folder, seed)


def tiny_causal(folder, seed=0, dropout=0.1):
    """Write a GPT-2-like causal language model (2 layers, width 16) into ``folder``; returns its path."""
    folder = Path(folder)
    size = _tokenizer(folder, causal=True)
    config = GPT2Config(
        vocab_size=size,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        n_positions=POSITIONS,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    return _save(GPT2LMHeadModel, config, folder, seed)
