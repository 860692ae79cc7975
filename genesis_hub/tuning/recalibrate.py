"""Batch-norm statistics made anew from training images, before a model is looked at.

After few steps the running averages still remember their start, and a good network looks broken
(.05 against .81 Dice after ten steps): no comparison is fair without this.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def recalibrate(model: nn.Module, batches: Sequence[Sequence[Tensor]]) -> None:
    """Set running statistics to the mean over some batches; frozen norms keep theirs.

    batches: what the model is given, one argument or several.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm)
        and module.track_running_stats
        and (module.weight is None or module.weight.requires_grad)
    ]
    if not norms or not batches:
        return
    was = {module: (module.training, module.momentum) for module in norms}
    training = model.training
    model.eval()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None  # A plain mean over what it sees.
        module.train()
    try:
        with torch.no_grad():
            for batch in batches:
                model(*batch)
    finally:
        for module, (mode, momentum) in was.items():
            module.momentum = momentum
            module.train(mode)
        model.train(training)
