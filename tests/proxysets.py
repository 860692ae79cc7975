"""Made-up data laid out as the proxy tasks' configs want it, and those configs, shrunk."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

import genesis_hub

CONFIGS = Path(__file__).parent.parent / "training" / "recipes" / "proxy_tasks" / "finetune"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.json"))
SIDE = 32
# Of each data set by how its name begins: channels, and the greatest value of its masks.
FOLDERS = {"pancreas": (1, 2), "brats": (4, 3), "ukb": (2, 3)}


def balls(seed: int, ndim: int, channels: int, most: int, side: int = SIDE) -> tuple[Any, Any]:
    """Return a noisy image (*sides, C) with a bright ball of each class in it, and its mask."""
    draw = np.random.default_rng(seed)
    place = np.indices((side,) * ndim)
    mask: NDArray[np.int64] = np.zeros((side,) * ndim, np.int64)
    for number in range(1, most + 1):
        middle = draw.integers(side // 4, 3 * side // 4, ndim)
        away = sum((place[axis] - middle[axis]) ** 2 for axis in range(ndim))
        mask[away < (side // 5) ** 2] = number
    image = 0.2 * mask[..., None] + draw.normal(0.3, 0.05, (*mask.shape, channels))
    return np.clip(image, 0, 1).astype(np.float32), mask


def masked(root: Path, name: str, *, train: int = 6, test: int = 2, label_stem: str = "") -> Path:
    """Write train/ and test/ with <name>_labels beside them, channels last, as NPY."""
    ndim = 2 if name.endswith("2d") else 3
    channels, most = next(own for key, own in FOLDERS.items() if name.startswith(key))
    for part, seeds in (("train", range(train)), ("test", range(100, 100 + test))):
        for folder in (root / part, root / f"{part}_labels"):
            folder.mkdir(parents=True)
        for seed in seeds:
            image, mask = balls(seed, ndim, channels, most)
            np.save(root / part / f"case{seed}.npy", image)
            labels = mask[..., None].astype(np.float32)
            np.save(root / f"{part}_labels" / f"case{seed}{label_stem}.npy", labels)
    return root


def graded(root: Path, *, many: int = 20, grades: int = 5) -> Path:
    """Write pictures with as many bright spots as their grade says, and three tables of them."""
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(many):
        grade = seed % grades
        draw = np.random.default_rng(seed)
        pixels = draw.integers(20, 60, (SIDE, SIDE, 3)).astype(np.uint8)
        pixels[4:28, 4:28] += np.uint8(30 * grade)
        PIL.Image.fromarray(pixels).save(root / f"eye{seed}.png")
        rows.append([f"eye{seed}", str(grade)])
    parts = {"labels": rows, "labels_train": rows[: many - 5], "labels_test": rows[many - 5 :]}
    for name, own in parts.items():
        with (root / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["id_code", "diagnosis"], *own])
    return root


def checkpoint(root: Path, config: dict[str, Any]) -> Path:
    """Write a model as pre-training leaves one; it has learned nothing."""
    ndim = 3 if config["data_is_3D"] else 2
    encoder = config.get("encoder_architecture")
    width = config.get("enc_filters", 2) / 16
    folder = root / f"{config['algorithm']}_{ndim}_{encoder}_{width}"
    if not folder.exists():
        kept: dict[str, Any] = {} if encoder else {"width": width}
        model = genesis_hub.create_model(
            f"{config['algorithm']}-{ndim}d", encoder=encoder,
            in_channels=config["number_channels"], **kept,
        )  # fmt: skip
        model.save_pretrained(folder / "model")
    return folder


def shrunk(name: str) -> dict[str, Any]:
    """Return a shipped config whose images, network and epochs are small; paths are not set."""
    config: dict[str, Any] = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    config |= {"data_dim": SIDE, "batch_size": 4, "exp_splits": [100], "repetitions": 1}
    if config.get("do_cross_val"):
        config["repetitions"] = 2
    for key in ("epochs", "epochs_initialized", "epochs_frozen", "epochs_random"):
        if config.get(key):
            config[key] = 1
    config |= {"epochs_warmup": 0}
    if not config.get("encoder_architecture"):
        config["enc_filters"] = 2
    return config


def placed(config: dict[str, Any], data: Path, weights: Path) -> dict[str, Any]:
    """Return a config with the paths of made-up data, and of a model where it wants weights."""
    config = dict(config)
    if "csv_file" in config:
        config |= {"data_dir": str(data), "csv_file": str(data / "labels.csv")}
        for part in ("train", "test"):
            config[f"csv_file_{part}"] = str(data / f"labels_{part}.csv")
    else:
        for part in ("train", "test"):
            config[f"data_dir_{part}"] = str(data / part)
    if config.get("epochs_initialized") or config.get("epochs_frozen") or config.get("epochs"):
        config["model_checkpoint"] = str(checkpoint(weights, config))
    return config


def written(config: dict[str, Any], folder: Path) -> Path:
    """Write a config."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path
