"""The same gates and followers on really fine-tuned language models.

A model is one more learner of ``sim.loop``; nothing here is compiled and importing it leaves numba
unloaded.

spec        data, model, gates, streams and cells of a study;  errors: what can be wrong
text        texts and labels from files or the hub;  streams: their order of arrival
model       any encoder or causal model: features, likelihoods;  loading, packaged: where it comes from
run tables  every missing cell of a study; results and timings apart
frozen/     features recorded once, ridge on them, a logistic head
tuned/      a network trained on the labels that its gate bought; a run that may be killed at any moment
generative/ a generative model: candidate answers and preferences;  distractors: candidates from rows of a kind
budgeted trainer  an ordinary transformers training run whose labels a gate buys
"""
