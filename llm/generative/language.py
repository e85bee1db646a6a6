"""A causal language model whose lower layers are frozen: their states are computed once, the top is tuned.

    trunk: tokens -> state after the first layers          top: state -> last hidden state -> logits
Adapters (LoRA) stand in the top ``layers`` layers, so what the trunk gives does not change while the model
is tuned; a text costs the whole model once and the top alone ever after.  The split is checked on a
probe when the model is taken over: an architecture whose parts do not add up to the whole is refused.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch

from llm import model as models
from llm.errors import ModelError
from llm.generative import packed
from llm.generative.packed import Packed
from llm.model import Model, in_memory
from llm.tuned import lora
from llm.tuned.tuner import seeded

TOKENS = 1536  # places of a batch without gradient
AGREEMENT = 1e-3  # largest difference of split and whole on the probe, relative to the largest entry


class Language:
    """A causal model on a prompt with candidate answers.

    width   d, the length of a state
    tokens  places that went through the top so far, padding left out
    """

    def __init__(self, model: Model, layers: int = 8, template: str = "plain") -> None:
        """``layers`` top layers are tuned; ``template``: plain, or chat (the tokenizer's own).

        Raises ModelError for an encoder, for more layers than there are, and where trunk and top are not the whole.
        """
        if model.kind != "causal":
            raise ModelError("answers and preferences need a causal language model; give --model smollm2 or another")
        self.model, self.template, self.width, self.device = model, template, model.width, model.device
        decoder = models.trunk(model.network)
        stack = getattr(decoder, "layers", None)
        if stack is None or not hasattr(decoder, "norm"):
            raise ModelError(f"{type(model.network).__name__} has no stack of layers that could be split")
        if not 1 <= layers <= len(stack):
            raise ModelError(f"layers = {layers}: the model has {len(stack)}; give 1..{len(stack)}")
        self.cut = len(stack) - layers
        self.trunk = _part(decoder, stack[: self.cut], torch.nn.Identity())
        self.top = _part(decoder, stack[self.cut :], decoder.norm)
        self.head = model.network.get_output_embeddings()
        self.layers, self.tokens = layers, 0
        if template == "chat" and not getattr(model.tokenizer, "chat_template", None):
            raise ModelError("the tokenizer has no chat template; use template 'plain'")
        self._probe(decoder)

    def text(self, text: str, cut: int) -> Packed:
        """A text alone as a row, its first ``cut`` tokens; ModelError where it has none."""
        return packed.pack(self._ids(text, cut), [])

    def row(self, prompt: str, answers: Sequence[str], prompt_cut: int, answer_cut: int) -> Packed:
        """A prompt (its last ``prompt_cut`` tokens) with its answers (their first ``answer_cut``), an end token after
        answers that were not cut.  Raises ModelError for an empty text, or a row beyond the model's context."""
        head = self._prompt(prompt)[-prompt_cut:]
        tails = [self._ids(" " + a.strip(), answer_cut + 1) for a in answers]
        end = [int(self.model.tokenizer.eos_token_id)]
        tails = [t[:answer_cut] if len(t) > answer_cut else t + end for t in tails]
        room = int(getattr(self.model.network.config, "max_position_embeddings", 0) or 0)
        longest = len(head) + max(len(t) for t in tails)
        if room and longest > room:
            raise ModelError(f"prompt and answer have {longest} tokens; the model reads {room}: cut them shorter")
        return packed.pack(head, tails)

    def states(self, rows: Sequence[Packed]) -> list[torch.Tensor]:
        """The trunk's states (n, width) float32 of every row, on the CPU."""
        out: list[torch.Tensor] = [torch.zeros(0)] * len(rows)
        with torch.inference_mode():
            for batch in packed.batches(rows, TOKENS):
                some = [rows[i] for i in batch]
                b = packed.collate(some, self.device)
                hidden = in_memory(partial(self._run, self.trunk, b), len(some))
                for i, row, state in zip(batch, some, hidden.float().cpu(), strict=True):
                    out[i] = state[: len(row.ids)]
        return [state.detach().clone() for state in out]

    def pooled(self, rows: Sequence[Packed], states: Sequence[torch.Tensor]) -> np.ndarray:
        """Mean last hidden state of every row, (n, width) float64, not scaled."""
        out = np.zeros((len(rows), self.width))
        with torch.inference_mode():
            for batch in packed.batches(rows, TOKENS):
                hidden = self._above([rows[i] for i in batch], [states[i] for i in batch])
                for i, state in zip(batch, hidden, strict=True):
                    out[i] = state[: len(rows[i].ids)].double().mean(0).cpu().numpy()
        return out

    def endings(self, rows: Sequence[Packed], states: Sequence[torch.Tensor]) -> list[np.ndarray]:
        """Mean last hidden state of every answer given its prompt: (K, width) float64 a row."""
        out: list[np.ndarray] = [np.zeros((0, 0))] * len(rows)
        with torch.inference_mode():
            for batch in packed.batches(rows, TOKENS):
                hidden = self._above([rows[i] for i in batch], [states[i] for i in batch])
                for i, state in zip(batch, hidden.double().cpu().numpy(), strict=True):
                    segment = rows[i].segment
                    own = state[: len(segment)]
                    out[i] = np.array([own[segment == k + 1].mean(0) for k in range(rows[i].K)])
        return out

    def logps(
        self, rows: Sequence[Packed], states: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
        """(log p(answer | prompt) [nats], tokens, row numbers) of all answers of all rows, each (answers,).

        Differentiable in the adapters; one batch, so give few rows.
        """
        hidden = self._above(rows, states)
        at = np.concatenate([np.full(len(row.source), i) for i, row in enumerate(rows)])
        sources = np.concatenate([row.source for row in rows])
        first = np.cumsum([0, *(row.K for row in rows)])
        owners = np.concatenate([row.owner + first[i] for i, row in enumerate(rows)])
        targets = torch.from_numpy(np.concatenate([row.target for row in rows])).to(self.device)
        logits = self.head(hidden[torch.from_numpy(at), torch.from_numpy(sources)]).float()
        each = torch.log_softmax(logits, -1).gather(1, targets[:, None])[:, 0]
        place = torch.from_numpy(owners).to(self.device)
        sums = torch.zeros(int(first[-1]), device=self.device).index_add(0, place, each)
        counts = torch.bincount(place, minlength=int(first[-1])).float()
        return sums, counts, np.concatenate([np.full(row.K, i) for i, row in enumerate(rows)])

    def scores(self, rows: Sequence[Packed], states: Sequence[torch.Tensor]) -> list[tuple[np.ndarray, np.ndarray]]:
        """(log p(answer | prompt), tokens), float64 (K,) each, of every row; in evaluation mode, without gradient."""
        out: list[tuple[np.ndarray, np.ndarray]] = [(np.zeros(0), np.zeros(0))] * len(rows)
        was = self.top.training
        self.top.eval()
        with torch.inference_mode():
            for batch in packed.batches(rows, TOKENS):
                some = [rows[i] for i in batch]
                some_states = [states[i] for i in batch]
                sums, counts, at = in_memory(partial(self.logps, some, some_states), len(some))
                both = sums.double().cpu().numpy(), counts.double().cpu().numpy()
                for j, i in enumerate(batch):
                    out[i] = both[0][at == j], both[1][at == j]
        self.top.train(was)
        return out

    @contextmanager
    def adapted(self, rank: int, alpha: float, key: tuple[int, ...]) -> Iterator[dict[str, torch.Tensor]]:
        """Fresh adapters in the top layers inside, drawn from ``key``; yields their tensors, live.  Taken out after."""
        with lora.borrowed(self.model, "lora") as own:
            with seeded(self.device, *key):
                adapted = models.lora(own, rank, alpha, layers=range(self.cut, self.cut + self.layers))
            yield lora.trained(adapted.network)

    def _above(self, rows: Sequence[Packed], states: Sequence[torch.Tensor]) -> torch.Tensor:
        b = packed.collate(rows, self.device)
        hidden = torch.nn.utils.rnn.pad_sequence(list(states), batch_first=True).to(self.device)
        self.tokens += sum(len(row.ids) for row in rows)
        return self._run(self.top, b, hidden.to(self.model.network.dtype))

    def _run(self, part: torch.nn.Module, b: packed.Batch, hidden: torch.Tensor | None = None) -> torch.Tensor:
        given = dict(input_ids=b.ids) if hidden is None else dict(inputs_embeds=hidden)
        return part(**given, attention_mask=b.mask, position_ids=b.position, use_cache=False).last_hidden_state

    def _prompt(self, prompt: str) -> list[int]:
        if self.template == "chat":
            turn = [{"role": "user", "content": prompt}]
            prompt = self.model.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        return self._ids(prompt, None)

    def _ids(self, text: str, cut: int | None) -> list[int]:
        ids = self.model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][:cut]
        if not ids:
            raise ModelError(f"the text {text!r} tokenises to nothing; drop it or fill it in")
        return ids

    def _probe(self, decoder: torch.nn.Module) -> None:
        """Split and packed against whole and alone, on tokens of the vocabulary."""
        size = int(self.model.network.config.vocab_size)
        ids = [int(i) % size for i in range(7, 7 * 12, 7)]
        rows = [packed.pack(ids[:5], [ids[5:8], ids[8:]])]
        tokens = self.tokens
        with torch.inference_mode():
            split = self._above(rows, self.states(rows))[0].float()
            second = torch.tensor([ids[:5] + ids[8:]], device=self.device)
            alone = decoder(input_ids=second, use_cache=False).last_hidden_state[0].float()
        own = split[torch.from_numpy(rows[0].segment != 1).to(self.device)]
        self.tokens = tokens
        tolerance = AGREEMENT if self.model.network.dtype == torch.float32 else 0.05
        if not torch.allclose(own, alone, atol=tolerance * float(alone.abs().max()), rtol=0.0):
            raise ModelError(
                f"{type(self.model.network).__name__}: its lower and upper layers do not add up to the whole model "
                "(embeddings are scaled, or positions added); use a Llama-like model"
            )


def _part(decoder: torch.nn.Module, layers: Sequence[torch.nn.Module], norm: torch.nn.Module) -> torch.nn.Module:
    """The decoder with some of its layers and another last norm; its modules are shared, not copied."""
    part = copy.copy(decoder)
    part._modules = dict(decoder._modules) | {"layers": torch.nn.ModuleList(layers), "norm": norm}
    return part
