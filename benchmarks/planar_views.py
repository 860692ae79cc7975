"""What two views of a picture cost beside torchvision's transforms of the same tensors, in one run.

    python -m benchmarks.planar_views [--pictures 32] [--repeats 5] [--threads 1] [--device cpu]

Phantom X-rays are held as squares of 512 or 256, uint8, and become two views of 224: a crop,
jittered colours, a blur, a turn, normalised. torchvision's v2 transforms take one picture at a
time, since a batch would share one draw: of three equal channels, as the reference has them, and of
one, repeated in the end. Ours are `training/views/planar.py`. Taken in turn; the median counts.
"""

import argparse
import statistics
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from benchmarks.rows import faster, needs_gpu, tell
from benchmarks.timing import in_turn, machine, times
from genesis_hub.data.phantoms import chest_xray
from training.views.draws import Draws
from training.views.planar import moco_views
from training.views.presets import PICTURES

USUAL = "torchvision's v2 transforms"


def plain(channels: int) -> v2.Compose:
    """Return the reference's transforms."""
    preset = PICTURES["adam_v1"]
    return v2.Compose(
        [
            v2.RandomResizedCrop(preset.side, scale=preset.area, antialias=True),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomApply([v2.GaussianBlur(23, preset.blur_sigma)], p=0.5),
            v2.RandomRotation(30),
            v2.ToDtype(torch.float32, scale=True),
            v2.Lambda(lambda x: x.expand(3, -1, -1) if channels == 1 else x),
            v2.Normalize(preset.mean, preset.std),
        ]
    )


def contestants(held: Tensor, draws: Draws) -> dict[str, Callable[[], object]]:
    """Return what is compared, over the same pictures."""
    aspect = torch.ones(len(held), device=held.device)
    coloured = held.expand(-1, 3, -1, -1).contiguous()
    one, three = plain(1), plain(3)
    return {
        f"{USUAL}, 3 channels": lambda: [three(x) for x in coloured for _ in range(2)],
        f"{USUAL}, 1 channel": lambda: [one(x) for x in held for _ in range(2)],
        "adam_v1, grey": lambda: moco_views(held, aspect, draws, PICTURES["adam_v1"]),
        "adam, grey": lambda: moco_views(held, aspect, draws, PICTURES["adam"]),
        "adam_v1, 3 channels": lambda: moco_views(coloured, aspect, draws, PICTURES["adam_v1"]),
        "fundus, 3 channels": lambda: moco_views(coloured, aspect, draws, PICTURES["fundus"]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = torch.device(asked.device)
    draws = Draws(torch.arange(asked.pictures, device=device) * 2_654_435_761)
    print(f"{machine()}, {device}, {asked.pictures} pictures")
    for side in (512, 256):
        made = [np.asarray(chest_xray(seed, size=(side, side)).image) for seed in range(4)]
        held = torch.from_numpy(np.stack([made[at % 4] for at in range(asked.pictures)])).to(device)
        work = contestants(held, draws)
        calls = {name: lambda _, one=one: one() for name, one in work.items()}
        taken = in_turn(calls, asked.repeats, device=device)
        for name, some in taken.items():
            print(f"  {name:26}{asked.pictures / statistics.median(some):9.0f} pictures/s")
            if not name.startswith(USUAL):
                beside = f"{USUAL}, 3 channels"
                ratio = faster(times(some, taken[beside]))
                tell(f"two views of a picture held at {side}, {name}", beside, ratio)
    needs_gpu("two views of a picture", USUAL)


if __name__ == "__main__":
    main()
