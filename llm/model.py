"""A pretrained transformer as a source of features and likelihoods.

Encoder: psi(x) is the mean of the last hidden states over tokens (or the first token's), norm 1.
Causal model: psi(x) is the last hidden state of the final token, norm 1; a candidate answer c of
prompt x scores its log-likelihood sum_i log p(c_i | x, c_<i), the pair being cut from the left to
``max_length`` tokens.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from llm import packaged
from llm.errors import DeviceError, MemoryExhaustedError, ModelError
from llm.spec import DTYPES

ADAPTED = ("query", "value", "q_proj", "v_proj", "q_lin", "v_lin", "c_attn", "query_key_value", "Wqkv", "qkv_proj")
T = TypeVar("T")


class Model:
    """A network and its tokenizer on one device.

    kind        "encoder" or "causal"
    network     the torch module;  width  its hidden size d, the length of a feature row
    pooling     "mean", "cls" (first token) or "last" (final token)
    max_length  tokens of a prompt that are read
    """

    def __init__(self, network: Any, tokenizer: Any, kind: str, pooling: str, device: str, max_length: int) -> None:
        self.network, self.tokenizer, self.kind = network, tokenizer, kind
        self.pooling, self.device, self.max_length = pooling, torch.device(device), max_length
        self.width = int(network.config.hidden_size)

    def tokenize(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Token ids and attention mask of the texts, each (n, longest), on the device.

        Raises ModelError naming the first text that has no token of its own.
        """
        self._no_empty(texts, self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"])
        batch = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_length,
            padding_side="right",
            return_tensors="pt",
        )
        return {k: v.to(self.device) for k, v in batch.items() if k in ("input_ids", "attention_mask")}

    def pool(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Features (n, width) of norm 1, float32, of tokenized texts; differentiable in the weights."""
        if self.kind == "causal":
            hidden = trunk(self.network)(**batch, use_cache=False).last_hidden_state
        else:
            hidden = self.network(**batch).last_hidden_state
        mask = batch["attention_mask"]
        if self.pooling == "mean":
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            rows = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
        elif self.pooling == "cls":
            rows = hidden[:, 0]
        else:
            rows = hidden[torch.arange(len(mask), device=mask.device), mask.sum(1) - 1]
        return torch.nn.functional.normalize(rows.float(), dim=1)

    def encode(self, texts: Sequence[str], batch_size: int = 32, note: Callable[[int], None] | None = None):
        """Features (n, width) float64 NumPy of n texts, in evaluation mode; ``note`` gets each batch's size.

        Raises ModelError if a feature is not finite, and MemoryExhaustedError.
        """
        out = np.zeros((len(texts), self.width))
        order = np.argsort([-len(t) for t in texts], kind="stable")
        was = self.network.training
        self.network.eval()
        try:
            with torch.inference_mode():
                for start in range(0, len(order), batch_size):
                    rows = order[start : start + batch_size]
                    batch = self.tokenize([texts[i] for i in rows])
                    out[rows] = in_memory(lambda b=batch: self.pool(b).double().cpu().numpy(), batch_size)  # type: ignore[misc]
                    if note:
                        note(len(rows))
        finally:
            self.network.train(was)
        if not np.isfinite(out).all():
            raise ModelError(f"the model's features are not finite in {self.network.dtype}; use --dtype float32")
        return out

    def loglik_tensor(self, prompt: str, candidates: Sequence[str]) -> torch.Tensor:
        """log p(candidate | prompt) (K,) float32 [nats], differentiable; causal models only.

        Raises ModelError for an encoder, an empty candidate, or one that fills ``max_length``.
        """
        if self.kind != "causal":
            raise ModelError("an encoder has no likelihood; give a causal model or a data set with one label set")
        head = self.tokenizer(prompt, add_special_tokens=True)["input_ids"]
        tails = [self.tokenizer(" " + c.strip(), add_special_tokens=False)["input_ids"] for c in candidates]
        self._no_empty(candidates, tails)
        longest = max(len(t) for t in tails)
        if longest >= self.max_length:
            raise ModelError(f"a candidate has {longest} tokens; max_length = {self.max_length} must be larger")
        head = head[max(0, len(head) + longest - self.max_length) :] or [self._begin()]
        ids = torch.zeros((len(tails), len(head) + longest), dtype=torch.long, device=self.device)
        mask = torch.zeros_like(ids)
        for i, tail in enumerate(tails):
            ids[i, : len(head) + len(tail)] = torch.tensor(head + tail, device=self.device)
            mask[i, : len(head) + len(tail)] = 1
        logits = self.network(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        each = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
        return (each * mask[:, 1:])[:, len(head) - 1 :].sum(1)

    def loglik(self, prompt: str, candidates: Sequence[str]) -> np.ndarray:
        """``loglik_tensor`` as float64 NumPy (K,), in evaluation mode and without gradient."""
        was = self.network.training
        self.network.eval()
        try:
            with torch.inference_mode():
                logs = in_memory(lambda: self.loglik_tensor(prompt, candidates), len(candidates))
                return logs.double().cpu().numpy()
        finally:
            self.network.train(was)

    def digest(self) -> str:
        """Hash (32 hex digits) of all that decides the features: weights, tokenizer, pooling, length, dtype."""
        h = hashlib.sha256(f"{self.kind} {self.pooling} {self.max_length} {self.network.dtype}".encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            h.update(f"{name} {tuple(tensor.shape)}".encode())
            h.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        h.update(_vocabulary(self.tokenizer).encode())
        return h.hexdigest()[:32]

    def _begin(self) -> int:
        begin = self.tokenizer.bos_token_id
        return int(self.tokenizer.eos_token_id if begin is None else begin)

    def _no_empty(self, texts: Sequence[str], tokens: Sequence[Sequence[int]]) -> None:
        for i, ids in enumerate(tokens):
            if len(ids) == 0:
                raise ModelError(f"text {i} of this batch, {texts[i]!r}, tokenises to nothing; drop it or fill it in")


def trunk(network: Any) -> Any:
    """A causal network, with or without adapters, up to the states that its language-model head reads."""
    inner = network.get_base_model() if hasattr(network, "peft_config") else network
    return inner.base_model


def in_memory(work: Callable[[], T], batch_size: int) -> T:
    """The result of ``work()``; raises MemoryExhaustedError, with what to try, where memory runs out."""
    try:
        return work()
    except RuntimeError as error:  # torch.OutOfMemoryError is one; on a CPU it is a plain RuntimeError
        if "memory" not in str(error).lower():
            raise
        smaller = max(1, batch_size // 2)
        raise MemoryExhaustedError(
            f"out of memory with batch size {batch_size}; try --batch-size {smaller}"
            if batch_size > 1
            else "out of memory with batch size 1; give a smaller --max-length, another --dtype or a smaller model"
        ) from error


def device_of(name: str) -> str:
    """The device's name, if this machine has it; raises DeviceError otherwise."""
    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise DeviceError(f"device {name!r} is unknown; give cpu, cuda or cuda:0") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {name!r}: this machine offers no CUDA device; use --device cpu")
    if kind == "cuda" and (torch.device(name).index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name!r}: there are {torch.cuda.device_count()} CUDA devices, counted from 0")
    return name


def load(
    name: str = "minilm",
    device: str = "cpu",
    dtype: str = "float32",
    pooling: str = "auto",
    max_length: int = 128,
) -> Model:
    """Load an encoder or causal model.

    name     a Hugging Face id, a local folder, or a packaged model: ``minilm`` or ``smollm2``
    dtype    float32, bfloat16 or float16
    pooling  mean, cls, last, or auto: last for causal models, mean for encoders
    The hub is not asked where the environment variable HF_HUB_OFFLINE is 1, and code that comes with a
    model is never run.  Raises ModelError if there is no such model or its weights are not whole, and
    DeviceError for an unknown dtype or a device that this machine lacks.
    """
    if dtype not in DTYPES:
        raise DeviceError(f"dtype {dtype!r} is unknown; valid: {', '.join(DTYPES)}")
    device_of(device)
    kind, network, tokenizer = packaged.read(name, dtype)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    pooling = ("last" if kind == "causal" else "mean") if pooling == "auto" else pooling
    positions = int(getattr(network.config, "max_position_embeddings", max_length) or max_length)
    longest = min(max_length, positions, tokenizer.model_max_length)
    network = in_memory(lambda: network.to(device), 1)
    return Model(network.eval(), tokenizer, kind, pooling, device, longest)


def lora(
    model: Model,
    rank: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.0,
    targets: Sequence[str] = (),
    layers: Sequence[int] = (),
) -> Model:
    """The model with fresh low-rank adapters (LoRA, by peft) on its attention's query and value maps.

    rank, alpha, dropout  of the adapters;  targets  names of other modules to adapt;  layers  those to adapt (all)
    The base weights are frozen and shared with ``model``.  The adapters' random half is drawn from
    torch's global generator, so seed it.  Raises ModelError if no module of a known name is found.
    """
    import peft

    present = {name.rsplit(".", 1)[-1] for name, _ in model.network.named_modules()}
    chosen = list(targets) or [t for t in ADAPTED if t in present]
    if not chosen or not set(chosen) <= present:
        raise ModelError(f"no modules {chosen or list(ADAPTED)} to adapt in {type(model.network).__name__}; name them")
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=chosen,
        layers_to_transform=list(layers) or None,
        fan_in_fan_out="c_attn" in chosen,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name of the past
        network = peft.get_peft_model(model.network, config)
    return Model(network, model.tokenizer, model.kind, model.pooling, str(model.device), model.max_length)


def _vocabulary(tokenizer: Any) -> str:
    """A tokenizer's content, without the padding and truncation that its last call left in it."""
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        return repr(sorted(tokenizer.get_vocab().items()))
    content = json.loads(fast.to_str())
    return json.dumps({k: v for k, v in content.items() if k not in ("padding", "truncation")}, sort_keys=True)
