"""llm.model: tiny random encoders and causal models, loaded as any other."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
import torch

from llm import loading, model
from llm.errors import DeviceError, MemoryExhaustedError, ModelError

TEXTS = ["my card", "why is the loan a fee today ?", "cash", "please help with my card now"]
CHOICES = ["yes", "no", "maybe again"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {
        "encoder": tiny_models.tiny_encoder(root / "encoder"),
        "causal": tiny_models.tiny_causal(root / "causal"),
    }


@pytest.fixture(params=["encoder", "causal"])
def tiny(request, folders):
    return model.load(folders[request.param])


def test_features_have_norm_one_and_do_not_depend_on_the_batch(tiny):
    together = tiny.encode(TEXTS, batch_size=4)
    assert together.shape == (4, tiny.width) and together.dtype == np.float64
    assert np.allclose((together**2).sum(1), 1.0, atol=1e-6)
    assert np.allclose(together, tiny.encode(TEXTS, batch_size=1), atol=1e-5)
    assert np.array_equal(together, tiny.encode(TEXTS, batch_size=4))


def test_encode_counts_its_texts_and_leaves_training_mode_as_it_was(tiny):
    tiny.network.train()
    heard = []
    tiny.encode(TEXTS, batch_size=3, note=heard.append)
    assert heard == [3, 1] and tiny.network.training
    tiny.network.eval()


def test_kinds_pool_as_they_should(folders):
    encoder, causal = (model.load(folders[k]) for k in ("encoder", "causal"))
    assert (encoder.kind, encoder.pooling) == ("encoder", "mean")
    assert (causal.kind, causal.pooling) == ("causal", "last")
    first = model.load(folders["encoder"], pooling="cls")
    assert not np.allclose(encoder.encode(TEXTS), first.encode(TEXTS))


def test_pool_is_the_mean_over_the_text_and_not_over_the_padding(folders):
    tiny = model.load(folders["encoder"])
    batch = tiny.tokenize(TEXTS)
    with torch.no_grad():
        hidden = tiny.network(**batch).last_hidden_state
        n = int(batch["attention_mask"][2].sum())
        mean = hidden[2, :n].mean(0)
        assert torch.allclose(tiny.pool(batch)[2], mean / mean.norm(), atol=1e-6)


def test_the_last_token_is_the_texts_own(folders):
    tiny = model.load(folders["causal"])
    batch = tiny.tokenize(TEXTS)
    with torch.no_grad():
        hidden = tiny.network(**batch, output_hidden_states=True).hidden_states[-1]
        row = hidden[2, int(batch["attention_mask"][2].sum()) - 1]
        assert torch.allclose(tiny.pool(batch)[2], row / row.norm(), atol=1e-6)


@pytest.mark.parametrize("adapted", [False, True])
def test_causal_features_need_no_language_model_head(folders, adapted):
    """The states that the head reads are the last hidden states, adapters included."""
    tiny = model.load(folders["causal"])
    batch = tiny.tokenize(TEXTS)
    plain = tiny.pool(batch)
    if adapted:
        torch.manual_seed(0)
        tiny = model.lora(tiny, rank=2)
        for name, p in tiny.network.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(p)
    tiny.network.eval()
    whole = tiny.network(**batch, output_hidden_states=True, use_cache=False).hidden_states[-1]
    assert torch.allclose(model.trunk(tiny.network)(**batch, use_cache=False).last_hidden_state, whole, atol=1e-6)
    assert torch.allclose(tiny.pool(batch), plain, atol=1e-6) is not adapted
    tiny.network.get_output_embeddings().register_forward_hook(lambda *_: pytest.fail("the head was asked"))
    tiny.pool(batch)


def test_pool_has_a_gradient(tiny):
    tiny.pool(tiny.tokenize(TEXTS)).sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in tiny.network.parameters())


def test_loglik_is_the_sum_over_the_candidates_tokens(folders):
    tiny = model.load(folders["causal"])
    found = tiny.loglik("my card", CHOICES)
    for k, candidate in enumerate(CHOICES):
        head = tiny.tokenizer("my card")["input_ids"]
        tail = tiny.tokenizer(" " + candidate, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            table = tiny.network(torch.tensor([head + tail])).logits[0].log_softmax(-1)
        total = sum(float(table[len(head) + i - 1, token]) for i, token in enumerate(tail))
        assert found[k] == pytest.approx(total, abs=1e-5)


def test_loglik_cuts_a_long_prompt_from_the_left(folders):
    tiny = model.load(folders["causal"], max_length=8)
    longer = "why " * 30 + "my card is a fee"
    assert np.allclose(tiny.loglik(longer, ["yes"]), tiny.loglik("loan " * 30 + "why why my card is a fee", ["yes"]))
    with pytest.raises(ModelError, match="a candidate has 9 tokens; max_length = 8"):
        tiny.loglik("my card", ["yes " * 9])


def test_loglik_has_a_gradient_and_encoders_have_none(folders):
    causal = model.load(folders["causal"])
    causal.loglik_tensor("my card", CHOICES).sum().backward()
    assert any(p.grad is not None for p in causal.network.parameters())
    with pytest.raises(ModelError, match="an encoder has no likelihood"):
        model.load(folders["encoder"]).loglik("my card", CHOICES)


def test_the_digest_is_of_the_content_and_not_of_the_last_call(folders, tiny):
    before = tiny.digest()
    tiny.encode(TEXTS)
    assert tiny.digest() == before
    others = [
        model.load(folders["encoder"], max_length=9),
        model.load(folders["encoder"], pooling="cls"),
        model.load(folders["encoder"], dtype="bfloat16"),
        model.load(folders["encoder"]),
        model.load(folders["causal"]),
    ]
    assert len({m.digest() for m in others}) == len(others)
    assert before in {m.digest() for m in others}
    with torch.no_grad():
        next(tiny.network.parameters()).add_(1e-3)
    assert tiny.digest() != before


def test_bfloat16_gives_float64_rows_near_the_float32_ones(folders):
    full, half = (model.load(folders["encoder"], dtype=d).encode(TEXTS) for d in ("float32", "bfloat16"))
    assert half.dtype == np.float64 and (full * half).sum(1).min() > 0.999


def test_fresh_adapters_change_nothing_and_are_all_that_trains(tiny):
    before = tiny.encode(TEXTS)
    torch.manual_seed(0)
    adapted = model.lora(tiny, rank=2)
    assert np.allclose(adapted.encode(TEXTS), before, atol=1e-6)
    trained = [n for n, p in adapted.network.named_parameters() if p.requires_grad]
    assert trained and all("lora_" in n for n in trained)
    with pytest.raises(ModelError, match=r"no modules .*nowhere.* to adapt"):
        model.lora(tiny, targets=["nowhere"])


@pytest.mark.parametrize("texts", [["my card", ""], ["my card", "  \n"]])
def test_a_text_without_tokens_is_refused(tiny, texts):
    with pytest.raises(ModelError, match="tokenises to nothing"):
        tiny.encode(texts)


def test_candidates_without_tokens_are_refused(folders):
    with pytest.raises(ModelError, match="tokenises to nothing"):
        model.load(folders["causal"]).loglik("my card", ["yes", " "])


def test_features_that_are_not_finite_are_refused(tiny):
    with torch.no_grad():
        for p in tiny.network.parameters():
            p.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"not finite in torch\.float32"):
        tiny.encode(TEXTS)


def test_out_of_memory_names_the_batch_size_to_try(tiny, monkeypatch):
    def full(batch):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(tiny, "pool", full)
    with pytest.raises(MemoryExhaustedError, match="batch size 32; try --batch-size 16"):
        tiny.encode(TEXTS)
    with pytest.raises(MemoryExhaustedError, match="smaller --max-length"):
        tiny.encode(TEXTS, batch_size=1)
    monkeypatch.setattr(tiny, "pool", lambda batch: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match=r"size mismatch|inconsistent"):
        tiny.encode(TEXTS)


def test_missing_models_are_clear_errors(tmp_path, monkeypatch, folders):
    with pytest.raises(ModelError, match="no model folder"):
        model.load(str(tmp_path / "none"))
    with pytest.raises(ModelError, match="cannot be loaded"):
        model.load(str(tmp_path))

    def unreachable(name, **_):
        raise OSError("no connection\nand more")

    monkeypatch.setattr(loading.transformers.AutoConfig, "from_pretrained", unreachable)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"'owner/it' cannot be loaded \(no connection\); HF_HUB_OFFLINE is set"):
        model.load("owner/it")


def test_a_broken_folder_is_a_clear_error(tmp_path):
    folder = tmp_path / "broken"
    tiny_models.tiny_encoder(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "nothing known"}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        model.load(str(folder))


def test_devices_and_formats_that_are_not_there(folders, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, message in (("cuda", "offers no CUDA device"), ("gpu", "is unknown")):
        with pytest.raises(DeviceError, match=message):
            model.load(folders["encoder"], device=name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="there are 1 CUDA devices"):
        model.load(folders["encoder"], device="cuda:1")
    with pytest.raises(DeviceError, match="dtype 'int8' is unknown"):
        model.load(folders["encoder"], dtype="int8")
