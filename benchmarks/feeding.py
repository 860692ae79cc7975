"""How long a step waits for its batch, at the defaults of `finetune`, while files are first read.

    python -m benchmarks.feeding [--pictures 128] [--volumes 32] [--width 0.25] [--repeats 2]

X-rays of 1024 x 1024 as JPEG for a 2D classifier, chests of 160 x 160 x 96 as .nii.gz for a 3D
segmenter, both made up, in a temporary folder. Two epochs: in the first all files are read for the
first time (none before, for batch-norm statistics), in the second all lie in memory. Batches made
in the step's own time and batches made ahead in a thread, in turn. The very first batch is left
out: there is no step before it that could hide it.

Measured on one of two cores that others used, too (width 0.125, first epoch): pictures waited for
25 % of the time, made ahead 0.2 %; volumes 11 %, made ahead 0.1 %. In the second 0.3 % and less.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import torch

import genesis_hub
from benchmarks.rows import tell
from genesis_hub.data.phantoms import chest_ct, chest_xray
from genesis_hub.engine import feed, loop


def pictures(folder: Path, count: int) -> Path:
    """Write made-up X-rays in two class folders: few are drawn, each is moved about."""
    draw = np.random.default_rng(0)
    drawn = [chest_xray(seed, size=(512, 512)).image[0] for seed in range(4)]
    for number in range(count):
        film = PIL.Image.fromarray(drawn[number % 4]).resize((1024, 1024))
        pixels = np.roll(np.asarray(film), int(draw.integers(0, 200)), axis=number % 2)
        pixels = np.clip(pixels + draw.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
        target = folder / ("normal", "effusion")[number // 4 % 2] / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pixels).save(target, quality=92)
    return folder


def volumes(folder: Path, count: int) -> Path:
    """Write made-up chests and their lungs."""
    phantom = chest_ct(0, size=(160, 160, 96))
    lungs = phantom.masks["lungs"].astype(np.uint8)
    draw = np.random.default_rng(0)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        noisy = (phantom.image[0] + draw.normal(0, 20, lungs.shape)).astype(np.int16)
        for name, values in (("images", noisy), ("labels", lungs)):
            nibabel.save(
                nibabel.Nifti1Image(values, phantom.affine), folder / name / f"{number}.nii.gz"
            )
    return folder


def waited(run: Callable[[], object], *, ahead: int) -> list[tuple[float, float]]:
    """Return for each step of a run how long it waited for its batch, and how long it took."""
    found: list[tuple[float, float]] = []
    plain, depth = loop.batches, feed.AHEAD

    def timed(*words: Any, **more: Any) -> Iterator[Any]:
        given = plain(*words, **more)
        while True:
            begin = time.perf_counter()
            batch = next(given, None)
            here = time.perf_counter()
            if batch is None:
                return
            yield batch
            found.append((here - begin, time.perf_counter() - begin))

    loop.batches, feed.AHEAD = timed, ahead
    try:
        run()
    finally:
        loop.batches, feed.AHEAD = plain, depth
    return found


def main() -> None:
    """Measure both kinds of set, both ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=128)
    parser.add_argument("--volumes", type=int, default=32)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads; share of the time spent waiting, seconds a step")
    with tempfile.TemporaryDirectory() as work:
        sets = {
            "adam-resnet50": pictures(Path(work) / "pictures", options.pictures),
            "models-genesis": volumes(Path(work) / "volumes", options.volumes),
        }
        shares: dict[tuple[str, str, int], list[float]] = {}
        for repeat in range(options.repeats):
            for name, data in sets.items():
                for ahead in (0, 2):
                    out = Path(work) / f"{name}-{repeat}-{ahead}"

                    def run(name: str = name, data: Path = data, out: Path = out) -> object:
                        recipe = {"scratch": True, "width": options.width, "epochs": 2}
                        recipe |= {
                            "validate_every": 10**6,
                            "recalibrate": 0,
                            "hashes": False,
                            "report": False,
                        }
                        return genesis_hub.finetune(
                            name, data, out, recipe=recipe, device="cpu", quiet=True
                        )

                    steps = waited(run, ahead=ahead)[1:]
                    halves = (steps[: len(steps) // 2], steps[len(steps) // 2 : -1])
                    for epoch, part in zip(("first", "second"), halves, strict=True):
                        wait, whole = (sum(column) for column in zip(*part, strict=True))
                        print(f"{name}, ahead {ahead}, {epoch}: {whole / len(part):.3f} s a step")
                        shares.setdefault((name, epoch, ahead), []).append(wait / whole)
        for name, epoch in dict.fromkeys((name, epoch) for name, epoch, _ in shares):
            alone, made = (statistics.median(shares[name, epoch, at]) for at in (0, 2))
            tell(
                f"waiting for batches, {name}, {epoch} epoch", "a step's whole time",
                f"{made:.1%} of it, made ahead; {alone:.1%} in the step's own time",
            )  # fmt: skip


if __name__ == "__main__":
    main()
