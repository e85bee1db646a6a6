"""The same gates and followers on really fine-tuned language models.

A model is one more learner of ``sim.loop``; nothing here is compiled and importing it leaves numba
unloaded.

    spec        data, model, gates, streams and cells of a study;  errors: what can be wrong
    text        texts and labels from files or the hub;  streams: their order of arrival
    model       any encoder or causal model: features, likelihoods;  features: kept on disk by content
    ridge       the simulator's regression on blocks of rows;  candidates: multiple choice
    frozen      recorded features through the plain loop, and a logistic head
    learner     the fine-tuned model as a learner: the only torch <-> NumPy border
    tuner objective lora schedule   network, loss, adapters, learning rates
    checkpoint journal finetune     a run that may be killed at any moment
    run tables  every missing cell, results and timings apart
"""
