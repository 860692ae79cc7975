"""Volumes of slices: frozen epochs with and without known features, and the memory of one volume.

    python -m benchmarks.frozen [--side 256] [--slices 40] [--volumes 2] [--width 1]

Epochs: SMART-Net's encoder stands still, its BiLSTM learns, by `genesis_hub.finetune` on phantoms;
an epoch's seconds are those of the later epochs, what is computed once told apart. Both runs must
end with the same tensors. Memory: a process of its own for each row holds one volume and makes
steps; with the encoder frozen, and with everything learning. Slices that are computed again in the
backward are compared with slices that are all kept.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.rows import faster, tell

CLOSE = 1e-5
LIMIT_GB = 6.0
LIMIT_RATIO = 20


def volumes(folder: Path, count: int, side: int, slices: int) -> Path:
    """Write head-like volumes, half of them with a bright spot, and return their table."""
    import numpy as np

    draw = np.random.Generator(np.random.PCG64(0))
    lines = ["path,label,patient,split"]
    for number in range(3 * count):
        values = draw.normal(40, 8, (side, side, slices)).astype(np.float32)
        if number % 2:
            values[side // 3 : side // 2, side // 3 : side // 2, slices // 3 : slices // 2] += 40
        path = folder / f"{number}.npz"
        np.savez(path, image=values[None].astype(np.int16), affine=np.diag([1.0, 1, 4, 1]))
        split = ("train", "val", "test")[number // count]
        lines.append(f"{path},{number % 2},{number},{split}")
    table = folder / "cases.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    return table


def epochs(options: argparse.Namespace) -> None:
    """Tell what an epoch takes with known features, and with the encoder run each time."""
    import torch
    from safetensors.torch import load_file

    import genesis_hub

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data = volumes(folder, options.volumes, options.side, options.slices)
        model = genesis_hub.create_model("smartnet-resnet50", width=options.width)
        weights = model.save_pretrained(folder / "weights")
        recipe: dict[str, Any] = {
            "size": [options.side, options.side, options.slices], "operator": "lstm",
            "freeze": True, "augment": "none", "batch_size": 1, "range": [0, 80], "modality": "ct",
            "report": False, "hashes": False, "recalibrate": 0, "lr": 1e-4,
            "validate_every": 10**6,
        }  # fmt: skip
        took: dict[str, float] = {}
        ends: dict[str, Any] = {}

        def tuned(kind: str, count: int) -> tuple[float, Path]:
            """Return what some epochs take, and the folder they leave."""
            out = folder / f"{kind}-{count}"
            keys = {**recipe, "steps": count * options.volumes, "cache": kind == "known"}
            begin = time.perf_counter()
            genesis_hub.finetune(weights, data, out, device="cpu", quiet=True, recipe=keys)
            return time.perf_counter() - begin, out

        for kind, many in (("plain", 2), ("known", 301)):
            if kind == "plain":
                tuned("known", 2)  # What the first call imports and reads is of no interest.
            first, out = tuned(kind, 1)
            took[kind] = (tuned(kind, many)[0] - first) / (many - 1)
            ends[kind] = load_file(out / "model" / "model.safetensors")
    apart = max(
        float((ends["plain"][name].float() - ends["known"][name].float()).abs().max())
        for name in ends["plain"]
    )
    tell(
        f"an epoch of {options.volumes} volume(s) of {options.slices} slices at {options.side}, "
        f"features known ({took['known']:.2f} s)",
        f"the encoder run each time ({took['plain']:.1f} s)",
        f"{faster(took['plain'] / took['known'])} (limit {LIMIT_RATIO}); tensors at the end apart "
        f"by {apart:.1e} (limit {CLOSE:g})",
    )


def held(words: dict[str, Any]) -> None:
    """Make steps on one volume, and print the most memory that they held beyond the start."""
    import torch

    import genesis_hub

    torch.set_num_threads(words["threads"])
    task = {"lstm": "classification", "conv3d": "segmentation"}[words["operator"]]
    model = genesis_hub.create_model(
        "smartnet-resnet50", task=task, operator=words["operator"], num_classes=2,
        width=words["width"],
    ).train()  # fmt: skip
    model.set_grad_checkpointing(words["again"])
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(not words["freeze"])
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learning)
    x = torch.rand(1, 1, words["side"], words["side"], words["slices"])
    for _ in range(words["steps"]):
        begin = time.perf_counter()
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        took = time.perf_counter() - begin
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"gb": most, "seconds": took}))


def memory(options: argparse.Namespace) -> None:
    """Tell the memory of a process that makes steps on one volume, of each kind."""
    for operator in ("lstm", "conv3d"):
        for freeze in (True, False):
            for again in (True, False) if options.kept else (True,):
                words = {
                    "operator": operator, "freeze": freeze, "again": again, "steps": options.steps,
                    "side": options.side, "slices": options.slices, "width": options.width,
                    "threads": options.threads,
                }  # fmt: skip
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.frozen", "--hold", json.dumps(words)],
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                what = f"a step on one volume, {operator}, encoder " + (
                    "frozen" if freeze else "learning"
                )
                beside = f"slices {'computed again' if again else 'all kept'}"
                if done.returncode:
                    tell(what, beside, f"ended with {done.returncode} (out of memory?)")
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                tell(
                    what, beside,
                    f"{found['gb']:.1f} GB in all (limit {LIMIT_GB:g}), {found['seconds']:.0f} s",
                )  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--volumes", type=int, default=1)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kept", action="store_true", help="also keep all slices: tens of GB")
    parser.add_argument("--only", choices=("epochs", "memory"))
    parser.add_argument("--hold", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        held(options.hold)
        return
    if options.only != "memory":
        epochs(options)
    if options.only != "epochs":
        memory(options)


if __name__ == "__main__":
    main()
