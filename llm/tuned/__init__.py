"""A model that is tuned on the labels that a gate bought.

play     one run that may be killed at any moment;  checkpoint, replay: how it goes on
learner  the model as a learner: the only torch <-> NumPy border
tuner, objective, lora, schedule   training, loss, adapters, learning rates
"""
