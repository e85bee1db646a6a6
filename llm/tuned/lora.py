"""What of a model is trained: low-rank adapters or every weight, and those tensors by name.

Trained tensors are float32 whatever the model's number format, because a step of 1e-4 is lost in
bfloat16; a full fine-tune in bfloat16 keeps float32 weights and computes under autocast.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from llm import model as models
from llm.errors import CacheError, DeviceError
from llm.spec import FinetuneSpec


def adapt(model: models.Model, o: FinetuneSpec) -> models.Model:
    """The model ready to be trained: with fresh adapters, or with all its weights free.

    Adapters are drawn from torch's generator: seed it.  Raises DeviceError for float16, whose
    gradients underflow, and ModelError where no map to adapt is known.
    """
    if model.network.dtype == torch.float16:
        raise DeviceError("dtype float16 cannot be fine-tuned here (its gradients underflow); use bfloat16 or float32")
    if o.adapter == "lora":
        return models.lora(model, o.rank, o.alpha, o.dropout)
    model.network.float().requires_grad_(True)
    return model


@contextmanager
def borrowed(model: models.Model, adapter: str) -> Iterator[models.Model]:
    """The model to train in place, itself unchanged afterwards.

    A full fine-tune works on a copy; adapters sit inside the base network and are taken out again.
    """
    network, own = model.network, copy.copy(model)
    if adapter == "full":
        own.network = copy.deepcopy(network)
    free, known = {name: p.requires_grad for name, p in network.named_parameters()}, set(vars(network))
    try:
        yield own
    finally:
        for module in list(network.modules()):
            for name, child in list(module.named_children()):
                if hasattr(child, "lora_A"):
                    setattr(module, name, child.get_base_layer())
        for name in set(vars(network)) - known:
            delattr(network, name)
        for name, p in network.named_parameters():
            p.requires_grad_(free[name])


def arithmetic(device: torch.device, dtype: str, adapter: str) -> AbstractContextManager:
    """The number format of a forward pass: autocast for a full fine-tune below float32."""
    if adapter == "full" and dtype != "float32":
        return torch.autocast(device.type, dtype=getattr(torch, dtype))
    return nullcontext()


def trained(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors that training changes, by name (live, not copies)."""
    return {name: p.data for name, p in network.named_parameters() if p.requires_grad}


def put_back(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy saved tensors into the network; raises CacheError if they are not its own."""
    live = trained(network)
    if live.keys() != tensors.keys() or any(live[k].shape != tensors[k].shape for k in live):
        raise CacheError("the checkpoint's weights are not this model's; give another folder or delete it")
    for name, tensor in live.items():
        tensor.copy_(tensors[name])
