"""Self-supervised models for medical images, by name: load, adapt, fine-tune, publish."""

from typing import TYPE_CHECKING, Any

from genesis_hub.version import __version__

if TYPE_CHECKING:
    from genesis_hub.api import create_model, from_pretrained, list_models, model_info
    from genesis_hub.auditing import audit
    from genesis_hub.benchmarking.benchmark import benchmark
    from genesis_hub.errors import (
        BadInput,
        GenesisHubError,
        KeyMismatch,
        UnknownModel,
        UnsafeFile,
        WeightsUnavailable,
    )
    from genesis_hub.importing import import_weights
    from genesis_hub.infer.embed import embed
    from genesis_hub.infer.predict import predict
    from genesis_hub.searching.search import search
    from genesis_hub.tuning.finetune import finetune
    from genesis_hub.tuning.report import report

# Looked up on first use, so that importing genesis_hub costs a few milliseconds and no torch.
_HOMES = {
    "audit": "genesis_hub.auditing",
    "create_model": "genesis_hub.api",
    "import_weights": "genesis_hub.importing",
    "from_pretrained": "genesis_hub.api",
    "list_models": "genesis_hub.api",
    "model_info": "genesis_hub.api",
    "predict": "genesis_hub.infer.predict",
    "embed": "genesis_hub.infer.embed",
    "finetune": "genesis_hub.tuning.finetune",
    "benchmark": "genesis_hub.benchmarking.benchmark",
    "search": "genesis_hub.searching.search",
    "report": "genesis_hub.tuning.report",
    "BadInput": "genesis_hub.errors",
    "GenesisHubError": "genesis_hub.errors",
    "KeyMismatch": "genesis_hub.errors",
    "UnknownModel": "genesis_hub.errors",
    "UnsafeFile": "genesis_hub.errors",
    "WeightsUnavailable": "genesis_hub.errors",
}

__all__ = [
    "BadInput",
    "GenesisHubError",
    "KeyMismatch",
    "UnknownModel",
    "UnsafeFile",
    "WeightsUnavailable",
    "__version__",
    "audit",
    "benchmark",
    "create_model",
    "embed",
    "finetune",
    "from_pretrained",
    "import_weights",
    "list_models",
    "model_info",
    "predict",
    "report",
    "search",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    # `except genesis_hub.errors.BadInput` is what fingers type.
    if name in ("data", "errors", "show"):
        return import_module(f"genesis_hub.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'genesis_hub' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
