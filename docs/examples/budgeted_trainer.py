"""Fine-tune with a fifth of the labels: a gate inside an ordinary Trainer (CPU, a few seconds, no network)."""

import sys

import numpy as np
from transformers import BertConfig, BertForSequenceClassification, TrainingArguments, default_data_collator, set_seed

from llm.budgeted import Buyer, frozen_features
from llm.trainer import BudgetedTrainer
from sim.live.gate import LiveGate
from sim.live.source import Ledger, RecordedColumn
from sim.spec import GateSpec, LearnerSpec

set_seed(0)
rng, n = np.random.default_rng(0), 400
labels = rng.integers(0, 4, n)  # the class decides which words a text is made of
texts = [{"input_ids": rng.integers(2 + 8 * k, 10 + 8 * k, 12).tolist(), "attention_mask": [1] * 12} for k in labels]

config = BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
config.num_labels, config.max_position_embeddings = 4, 16
model = BertForSequenceClassification(config)
features = frozen_features(model, texts[:300], default_data_collator)

learner = LearnerSpec(radius_mode="fixed", radius_c=1.0)
gate = LiveGate(GateSpec(kind="llf_self_paced", c=1.0), T=300, beta=0.2, d=32, learner=learner)
source = RecordedColumn(labels[:300].tolist(), Ledger(labels=60))
trainer = BudgetedTrainer(
    model,
    TrainingArguments(sys.argv[1], per_device_train_batch_size=10, num_train_epochs=8, learning_rate=3e-3,
                      logging_steps=30, report_to=[], disable_tqdm=True, use_cpu=True),
    train_dataset=texts[:300],
    eval_dataset=[{**row, "labels": int(k)} for row, k in zip(texts[300:], labels[300:], strict=True)],
    compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())},
    buyer=Buyer(gate, source, features, classes=[0, 1, 2, 3]),
)  # fmt: skip
trainer.train()
print(trainer.evaluate()["eval_accuracy"], trainer.buyer.summary())
