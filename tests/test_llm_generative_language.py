"""A model split into trunk and top: the same numbers as the whole, and the whole as it was found afterwards."""

import numpy as np
import pytest
import tiny_models
import torch

from llm import model as models
from llm.errors import ModelError
from llm.generative import tiny
from llm.generative.language import Language

CUT = 40
ROWS = [
    ("why is my card the help", ["card now", "loan today please with", "fee"]),
    ("how", ["branch was the rate today", "cash"]),
    ("3 please help", ["rate is rate is"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lm")


@pytest.fixture(scope="module")
def model(folder):
    return models.load(tiny.model(folder / "llama"))


@pytest.fixture(scope="module", params=[1, 2])
def lm(model, request):
    return Language(model, request.param)


def packed_rows(lm):
    rows = [lm.row(prompt, answers, CUT, CUT) for prompt, answers in ROWS]
    return rows, lm.states(rows)


def test_a_packed_row_scores_every_answer_as_if_it_stood_alone(lm, model):
    rows, states = packed_rows(lm)
    end = model.tokenizer.eos_token
    for (prompt, answers), (logs, counts) in zip(ROWS, lm.scores(rows, states), strict=True):
        alone = [model.loglik(prompt, [f"{answer} {end}"])[0] for answer in answers]
        np.testing.assert_allclose(logs, alone, atol=1e-5, rtol=0)
        assert counts.tolist() == [len(answer.split()) + 1 for answer in answers]


def test_an_answer_that_was_cut_has_no_end_token(lm, model):
    prompt, answer = "why is my card", "loan today please with help"
    row = lm.row(prompt, [answer], CUT, 3)
    ((logs, counts),) = lm.scores([row], lm.states([row]))
    assert counts.tolist() == [3]
    np.testing.assert_allclose(logs, model.loglik(prompt, ["loan today please"]), atol=1e-5)
    exact = lm.row(prompt, [answer], CUT, 5)  # just fits: it was not cut
    assert exact.target[-1] == model.tokenizer.eos_token_id
    short = lm.row("with why is my card", ["fee"], 2, CUT)  # of a prompt the end is read
    assert short.ids[:2].tolist() == model.tokenizer("my card", add_special_tokens=False)["input_ids"]


def test_a_padded_batch_is_its_rows_one_by_one(lm):
    rows, states = packed_rows(lm)
    together = lm.scores(rows, states), lm.pooled(rows, states), lm.endings(rows, states)
    for i, row in enumerate(rows):
        alone = lm.states([row])
        np.testing.assert_allclose(alone[0], states[i], atol=1e-6)
        np.testing.assert_allclose(together[0][i][0], lm.scores([row], alone)[0][0], atol=1e-5)
        np.testing.assert_allclose(together[1][i], lm.pooled([row], alone)[0], atol=1e-6)
        np.testing.assert_allclose(together[2][i], lm.endings([row], alone)[0], atol=1e-6)


def test_trunk_and_top_are_the_whole(lm, model):
    row = lm.text("why is my card the help", CUT)
    with torch.inference_mode():
        inner = model.network.model(input_ids=torch.from_numpy(row.ids)[None], use_cache=False)
    np.testing.assert_allclose(lm.pooled([row], lm.states([row]))[0], inner.last_hidden_state[0].mean(0), atol=1e-5)


def test_the_state_of_an_answer_is_that_of_prompt_and_answer_read_alone(lm, model):
    rows, states = packed_rows(lm)
    prompt, answers = ROWS[0]
    for answer, told in zip(answers, lm.endings(rows, states)[0], strict=True):
        ids = model.tokenizer(f"{prompt} {answer} {model.tokenizer.eos_token}", return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            hidden = model.network.model(input_ids=ids, use_cache=False).last_hidden_state[0]
        np.testing.assert_allclose(told, hidden[len(prompt.split()) :].mean(0), atol=1e-5)


def test_tokens_count_what_went_through_the_top(lm):
    rows, states = packed_rows(lm)
    before = lm.tokens
    lm.scores(rows, states)
    assert lm.tokens - before == sum(len(row.ids) for row in rows)


def test_the_gradient_reaches_the_adapters_of_the_top_layers_and_nothing_else(lm, model):
    rows, states = packed_rows(lm)
    with lm.adapted(2, 4.0, (0, 0)) as weights:
        assert {int(name.split("layers.")[1].split(".")[0]) for name in weights} == set(
            range(lm.cut, lm.cut + lm.layers)
        )
        for name, tensor in weights.items():
            if "lora_B" in name:
                tensor.normal_(0.0, 0.1)  # at their fresh value of 0 no gradient reaches lora_A
        sums, _, _ = lm.logps(rows, states)
        sums.sum().backward()
        reached = {n for n, p in model.network.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
        adapters = {n for n, p in model.network.named_parameters() if p.requires_grad}
        assert reached == adapters and len(adapters) == len(weights) == 4 * lm.layers
        assert all("lora_" in name for name in reached)


def test_adapters_leave_the_model_as_it_was_even_after_an_exception(lm, model):
    digest, free = model.digest(), {n: p.requires_grad for n, p in model.network.named_parameters()}
    assert all(free.values()), "a pretrained model comes with all its weights free"
    names, mode = list(dict(model.network.named_modules())), model.network.training
    rows, states = packed_rows(lm)
    before = lm.scores(rows, states)

    def scored():
        with lm.adapted(2, 4.0, (0, 0)) as weights:
            fresh = lm.scores(rows, states)
            for tensor in weights.values():
                tensor.add_(0.5)
            assert not np.allclose(lm.scores(rows, states)[0][0], before[0][0])
            raise KeyError(fresh)

    with pytest.raises(KeyError) as error:
        scored()
    np.testing.assert_allclose(error.value.args[0][0][0], before[0][0], atol=1e-6)  # fresh adapters add nothing
    assert model.digest() == digest
    assert {n: p.requires_grad for n, p in model.network.named_parameters()} == free
    assert list(dict(model.network.named_modules())) == names and model.network.training == mode
    for (now, _), (was, _) in zip(lm.scores(rows, states), before, strict=True):
        np.testing.assert_array_equal(now, was)


def test_a_key_draws_the_same_adapters_and_another_key_others(lm):
    drawn, state = [], torch.get_rng_state()
    for key in ((1, 2, 0), (1, 2, 0), (1, 3, 0)):
        with lm.adapted(2, 4.0, key) as weights:
            drawn.append({name: tensor.clone() for name, tensor in weights.items()})
        torch.rand(3)  # whatever torch's own generator does in between
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in drawn[0])
    assert any(not torch.equal(drawn[0][name], drawn[2][name]) for name in drawn[0] if "lora_A" in name)
    torch.set_rng_state(state)


def test_models_that_cannot_be_split_are_refused(folder, model):
    encoder = models.load(tiny_models.tiny_encoder(folder / "encoder"))
    with pytest.raises(ModelError, match="need a causal language model"):
        Language(encoder, 1)
    with pytest.raises(ModelError, match="GPT2LMHeadModel has no stack of layers"):
        Language(models.load(tiny_models.tiny_causal(folder / "gpt2")), 1)
    for layers in (0, 3):
        with pytest.raises(ModelError, match=rf"layers = {layers}: the model has 2; give 1..2"):
            Language(model, layers)
    with pytest.raises(ModelError, match="no chat template"):
        Language(model, 1, "chat")


def test_a_model_whose_parts_do_not_add_up_is_refused(folder):
    other = models.load(tiny.model(folder / "llama"))
    inner, whole = other.network.model, other.network.model.forward
    inner.forward = lambda *a, **k: whole(*a, **k) if k.get("inputs_embeds") is not None else _louder(whole(*a, **k))
    with pytest.raises(ModelError, match="do not add up"):
        Language(other, 1)


def _louder(out):
    out.last_hidden_state = 1.1 * out.last_hidden_state
    return out


def test_texts_that_cannot_be_scored_are_refused(model):
    lm = Language(model, 1)
    for work in (
        lambda: lm.text("   ", CUT),
        lambda: lm.row("", ["card"], CUT, CUT),
        lambda: lm.row("why", ["card", " "], CUT, CUT),
    ):
        with pytest.raises(ModelError) as error:
            work()
        assert "\n" not in str(error.value)
    long = " ".join(["card"] * 40)
    with pytest.raises(ModelError, match="65 tokens; the model reads 64"):
        lm.row(long, [" ".join(["fee"] * 24)], 100, 100)
    assert len(lm.row(long, [" ".join(["fee"] * 23)], 100, 100).ids) == 64
