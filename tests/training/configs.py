"""What the tests of configs in JSON share: data where the configs say, and sizes for a test."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.configs.shipped import SHIPPED as ALL
from tests.training.wholes import films
from training.pretrain import main

SHIPPED = ALL / "train"
NAMES = sorted(path.name for path in SHIPPED.glob("*.json"))
# Sides that leave patches the least that the encoder takes.
DENSE = {"rotation_2d.json": 32}
BUILT_IN = {"rotation": 16, "exemplar": 16, "rpl": 60, "jigsaw": 60, "cpc": 64}


def keys_in(name: str) -> dict[str, Any]:
    """Return the keys of a shipped config."""
    found: dict[str, Any] = json.loads((SHIPPED / name).read_text(encoding="utf-8"))
    return found


def shrunk(name: str) -> dict[str, Any]:
    """Return what makes a shipped config small, and leaves all else as it is.

    The published 2D encoder is trained once, where it sees whole pictures: patches are not small.
    """
    keys = keys_in(name)
    algorithm, dense = keys["algorithm"], name in DENSE
    side = DENSE.get(name, BUILT_IN[algorithm])
    per_side = keys.get("patches_per_side", 1)
    axes = 2 if keys["data_is_3D"] else 1
    batch = 2 * per_side**axes if algorithm == "cpc" else 2
    wishes: dict[str, Any] = {"data_dim": side, "batch_size": batch, "epochs": 1, "pictures": False}
    if not dense and keys.get("patch_jitter") == 8:
        wishes["data_dim"] = side = 72
    if "crop_size" in keys:
        wishes["crop_size"] = side - 8
    if "code_size" in keys:
        wishes["code_size"] = 16
    if not dense:
        wishes |= {"pooling": "none", "enc_filters": 2}
        if "encoder_architecture" in keys:
            wishes["encoder_architecture"] = None
    if "patch_size" in keys.get("train_data_generator_args", {}):
        for split in ("train", "val"):
            wishes[f"{split}_data_generator_args.patch_size"] = 12
    return wishes


def laid_out(folder: Path, name: str, count: int = 3) -> Path:
    """Write images where a config says that they lie below a folder, and return their place."""
    keys = keys_in(name)
    place = folder / str(keys["data_dir"])
    if not keys["data_is_3D"]:
        return films(place, count)
    place.mkdir(parents=True)
    for seed in range(count):
        np.save(place / f"scan{seed}.npy", volume(seed, keys["number_channels"]))
    return place


@lru_cache(maxsize=32)
def volume(seed: int, channels: int) -> Any:
    """Return a volume as the published code keeps it: (X, Y, Z, C), brighter along one axis."""
    draw = np.random.default_rng(seed)
    ramp = np.linspace(0, 900, 14)[:, None, None, None]
    values = ramp + draw.normal(100, 20, (14, 16, 18, channels))
    return values.astype(np.float32)


def pretrained(name: str | Path, *words: str, **wishes: Any) -> int:
    """Pre-train on the command's road."""
    said = [f"{key}={shown(value)}" for key, value in wishes.items()]
    return main([str(name), "--device", "cpu", "--quiet", *words, *said])


def shown(value: Any) -> str:
    """Return a value as the command takes it."""
    return "none" if value is None else json.dumps(value).strip('"')
