"""Cubes cut from scans: the acceptance rule beside a plain loop, windows on the fly, and memory.

    python -m benchmarks.cubes [--repeats 5] [--scans 48]

The loop is the published rule as it is told: for each voxel of the cube this slice, the next and
the one after, the first that is tissue. Both judge the same crops, in turn, in one process.

Measured on one of two cores that others used, too: a window is judged in 0.07 to 0.11 ms, 320 to
880 times as fast as the loop (36 ms where all is random, 79 in air). 12 and 48 scans take the same
409 MiB, torch's own among them.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import nibabel
import numpy as np

from benchmarks.rows import faster, tell
from benchmarks.timing import in_turn, own_memory, times
from genesis_hub.data.phantoms import chest_ct
from training.corpus.cutting import Cutting
from training.corpus.kept import Kept, inputs_for
from training.corpus.listing import Opener, Scan
from training.corpus.picking import Wish, extract
from training.corpus.resizing import resized
from training.corpus.tissue import tissue_score
from training.corpus.volumes import Volumes
from training.corpus.windows import WindowItems

SIZE = (64, 64, 32)
LOOK = 3  # Slices that the published rule looks at.


def looped(crop: np.ndarray) -> float:
    """Return the published score of (64, 64, 35), voxel by voxel."""
    rows, cols, deps = SIZE
    scores = np.zeros(SIZE)
    for x in range(rows):
        for y in range(cols):
            for z in range(deps):
                for ahead in range(LOOK):
                    if crop[x, y, z + ahead] >= 0.425:
                        scores[x, y, z] = (1.0, 0.5, 0.0)[ahead]
                        break
    return float(scores.mean())


def rule(repeats: int) -> None:
    """Print what judging a window costs."""
    draw = np.random.default_rng(0)
    hu = chest_ct(0, size=(160, 160, 96)).image[0]
    volume = ((hu.clip(-1000, 1000) + 1000) / 2000).astype(np.float32)
    crops = {
        "random values": draw.random((64, 64, 35), dtype=np.float32),
        "lung of a phantom": volume[30:94, 50:114, 30:65],
        "air": np.zeros((64, 64, 35), dtype=np.float32),
    }
    for name, crop in crops.items():
        assert looped(crop) == tissue_score(crop, 32), name

        def ours(_: int, crop: np.ndarray = crop) -> None:
            for _ in range(100):
                tissue_score(crop, 32)

        took = in_turn({"ours": ours, "loop": lambda _, c=crop: looped(c)}, repeats, warm=0)
        tell(f"judging a window, {name}", "a plain loop", faster(100 * times(*took.values())))
    took = middle(lambda: resized(volume[:96, :96, :35], 64, 64), 20 * repeats)
    print(f"  crop 96 x 96 x 35 to 64 x 64          {1e3 * took:8.2f} ms")


def middle(call: Callable[[], object], repeats: int) -> float:
    """Return the median seconds of a call."""
    return median(in_turn({"": lambda _: call()}, repeats, warm=0)[""])


def windows(repeats: int, count: int, work: Path) -> None:
    """Print what a window costs on the fly, and what memory a corpus takes."""
    paths = []
    for number in range(count):
        hu = np.roll(chest_ct(number % 4, size=(160, 160, 96)).image[0], number, 0)
        paths.append(work / f"scan{number}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(hu, np.diag([-2.2, -2.2, 3.3, 1])), paths[-1])
    scans = [Scan(path.name, path.name, (path,), "ct", None, Opener(path)) for path in paths]
    kept = Kept(chest_ct(0, size=(160, 160, 96)).image, (-1000.0, 1000.0))
    took = middle(lambda: kept.window((40, 40, 30), (64, 64, 33)), 40 * repeats)
    print(f"window of 64 x 64 x 33 in [0, 1]       {1e3 * took:8.2f} ms")
    wish = Wish(32, Cutting(SIZE), looks=False)
    took = middle(lambda: extract(scans[0], wish, (0.0, 1.0)), repeats)
    print(f"32 cubes of a packed scan, reading too {1e3 * took:8.0f} ms")
    print("memory of this process, scans in files of a scratch folder (room=0), 200 windows drawn")
    for some in (count // 4, count):
        begin = time.perf_counter()
        volumes = Volumes(
            scans[:some], lambda m: inputs_for(m, SIZE), room=0, spare=work / "s", workers=2
        )
        took = time.perf_counter() - begin
        items = WindowItems(volumes, (32, 32, 16))
        begin = time.perf_counter()
        for index in range(200):
            items.item(index % some, index)
        each = (time.perf_counter() - begin) / 200
        unpacked = sum(np.prod(volumes.sides(at)) for at in range(some)) * 2 / 2**20
        print(
            f"  {some:4} scans, {unpacked:6.0f} MiB unpacked: own {own_memory():6.0f} MiB; read in "
            f"{took:.1f} s; a 32 x 32 x 16 item {1e3 * each:.2f} ms"
        )


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scans", type=int, default=48)
    options = parser.parse_args()
    rule(options.repeats)
    with tempfile.TemporaryDirectory() as work:
        windows(options.repeats, options.scans, Path(work))


if __name__ == "__main__":
    main()
