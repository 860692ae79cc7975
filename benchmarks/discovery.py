"""Self-discovery: neighbours among a million patients, patterns beside a plain way, true anatomy.

    python -m benchmarks.discovery neighbours [--patients 1000000] [--references 1000]
    python -m benchmarks.discovery patterns [--scans 16]
    python -m benchmarks.discovery anatomy [--scans 24]

neighbours: features of 512 numbers in a mapped file, 2 GB at the default, in a scratch folder that
goes afterwards; beside it a plain loop that takes all distances of one reference in double
precision. patterns: cubes cut from each scan in one reading, beside reading it for every class.
anatomy: phantoms whose organs are known; where in its own patient's lungs a cube's centre lies,
beside its class.

Measured on two cores that others used, too (load 6): 1,000,000 x 512, 1,000 references, 200
neighbours in 21 s and 702 MiB of its own, a plain loop 4,300 s, 202 times as long; equal
neighbours, distances within 2.3e-13. 400 cubes of 16 small scans: reading alone 0.14 s, ours with
writing 0.31 s, class by class 0.59 s and all cubes in memory. Anatomy: adjusted Rand index 0.46 of
0.50 where scans of other fields are centred, 0.44 where they are taken as they are.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score

from benchmarks.rows import faster, tell
from benchmarks.timing import own_memory
from genesis_hub.data.phantoms import Phantom, chest_ct
from training.discovery.classes import Discoverer
from training.discovery.features import Featured
from training.discovery.frame import Frame
from training.discovery.framing import Framing, framing_of
from training.discovery.neighbours import nearest
from training.discovery.patterns import compact, cut, cut_all, planned
from training.discovery.scans import scans_of
from training.discovery.wishes import Wishes, wishes_of

DIMS = 512
PIECE = 50_000


def neighbours(patients: int, references: int, k: int, work: Path) -> None:
    """Print what finding neighbours costs, and whether they are those of brute force."""
    path = work / "features.npy"
    file = np.lib.format.open_memmap(path, "w+", np.float32, (patients, DIMS))
    draw = np.random.default_rng(0)
    basis = draw.standard_normal((64, DIMS), dtype=np.float32)
    for at in range(0, patients, PIECE):
        rows = min(PIECE, patients - at)
        # As deep features are: few directions hold most of what varies, and all are above zero.
        made = draw.standard_normal((rows, 64), dtype=np.float32) @ basis
        file[at : at + rows] = np.maximum(made + 8, 0)
    file.flush()
    del file
    features = np.load(path, mmap_mode="r")
    asked = np.sort(draw.choice(patients, references, replace=False))
    queries = np.asarray(features[asked])
    begin, used = time.perf_counter(), time.process_time()
    found, far = nearest(features, queries, k)
    took, worked = time.perf_counter() - begin, time.process_time() - used
    anonymous = own_memory()
    some = range(0, references, max(1, references // 3))[:3]
    begin, worst, same = time.perf_counter(), 0.0, 0
    for at in some:
        apart = np.empty(patients)
        for first in range(0, patients, PIECE):
            part = features[first : first + PIECE].astype(np.float64) - queries[at]
            apart[first : first + PIECE] = np.sqrt((part * part).sum(1))
        order = np.argsort(apart, kind="stable")[:k]
        same += int(np.array_equal(order, found[at]))
        worst = max(worst, float(np.abs(apart[order] - far[at]).max()))
    each = (time.perf_counter() - begin) / len(some)
    print(f"{patients:,} x {DIMS}, {references:,} references, {k} neighbours")
    print(f"  ours         {took:8.1f} s ({worked:.1f} s of processors), {anonymous:.0f} MiB own")
    print(f"  plain loop   {each * references:8.0f} s by {len(some)} references of {each:.2f} s")
    what = f"neighbours of {references:,} among {patients:,}"
    tell(what, "a plain loop", faster(each * references / took))
    print(f"  neighbours of {same} of {len(some)} equal; distances differ by {worst:.1e} at most")


def made_up(patients: int, size: tuple[int, int, int], folder: Path) -> list[Phantom]:
    """Write phantoms whose fields of view differ, three of four for learning; return them."""
    found = []
    for seed in range(patients):
        phantom = chest_ct(seed, size=size)
        part = "train" if seed % 4 else "validation"
        (folder / part).mkdir(parents=True, exist_ok=True)
        np.savez(folder / part / f"p{seed:03}.npz", image=phantom.image, affine=phantom.affine)
        found.append(phantom)
    return found


def coarse_features(framing: Framing, frame: Frame) -> Featured:
    """Return stand-ins for deep features: each scan in the frame, averaged over coarse blocks."""
    rows, places = {}, {}
    for split in ("train", "val"):
        places[split] = framing.of(split)
        made = []
        for place in places[split]:
            volume = torch.from_numpy(framing.volume(place, frame))[None, None]
            made.append(torch.nn.functional.adaptive_avg_pool3d(volume, 8).ravel().numpy())
        rows[split] = np.stack(made)
    return Featured(rows, places, "coarse")


def found_in(data: Path, wishes: Wishes, work: Path) -> tuple[Framing, Frame, Discoverer]:
    """Return what was discovered in a folder."""
    framing = framing_of(scans_of(data, wishes), wishes, work, quiet=True)
    frame = framing.frame.holding(wishes.crop)
    finder = Discoverer(framing, coarse_features(framing, frame), wishes, frame)
    finder.discover(work, "benchmark", quiet=True)
    return framing, frame, finder


def patterns(patients: int, work: Path) -> None:
    """Print what cutting costs beside reading scans, ours and by class as it is usually told."""
    made_up(patients, (96, 96, 64), work / "data")
    wishes = wishes_of(
        {"classes": 10, "neighbours": patients - -(-patients // 4), "input_rows": 32,
         "input_cols": 32, "input_deps": 16, "workers": 1}
    )  # fmt: skip
    framing, frame, finder = found_in(work / "data", wishes, work)
    plan = planned(finder.patterns, framing, frame, wishes)
    begin = time.perf_counter()
    for place in plan.scans:
        framing.with_look(place, frame)
    reading = time.perf_counter() - begin
    begin = time.perf_counter()
    cut_all(plan, compact(plan), framing, frame, wishes, work, "benchmark", quiet=True)
    ours = time.perf_counter() - begin
    begin = time.perf_counter()
    held = np.zeros((len(plan), *wishes.size))
    for row in range(len(plan)):
        if row == 0 or plan.places[row] != plan.places[row - 1]:
            volume = framing.volume(int(plan.places[row]), frame)
        held[row] = cut(volume, plan.starts[row], plan.crops[row], wishes.size)
    plain = time.perf_counter() - begin
    wrote = np.load(work / "patterns.npy", mmap_mode="r")
    assert np.abs(wrote - held).max() < 1e-3
    print(f"{len(plan)} cubes of {len(plan.scans)} scans, one thread")
    print(f"  reading alone               {reading:6.2f} s")
    print(f"  ours, reading and writing   {ours:6.2f} s, {wrote.nbytes / 2**20:.0f} MiB on disk")
    print(f"  class by class, in memory   {plain:6.2f} s, {held.nbytes / 2**20:.0f} MiB held")
    tell("patterns cut and written", "each cut class by class", faster(plain / ours))


def anatomy(patients: int, work: Path) -> None:
    """Print how well classes agree with the anatomy of phantoms, by way of framing."""
    size, most = (64, 64, 48), (6, 6, 5)
    made = made_up(patients, size, work / "a")
    labels = {f"p{seed:03}": phantom.labels for seed, phantom in enumerate(made)}
    lows = dict.fromkeys(labels, (0, 0, 0))
    draw = np.random.default_rng(1)
    (work / "b").mkdir()
    for path in sorted((work / "a").rglob("*.npz")):  # The same chests, each scanned otherwise.
        low = tuple(int(one) for one in draw.integers(0, most))
        place = tuple(
            slice(a, side - int(draw.integers(0, less)))
            for a, side, less in zip(low, size, most, strict=True)
        )
        part = work / "b" / path.parent.name
        part.mkdir(exist_ok=True)
        lows[f"cropped {path.stem}"] = low
        with np.load(path) as held:
            np.savez(part / path.name, image=held["image"][(slice(None), *place)],
                     affine=held["affine"])  # fmt: skip
    train = patients - -(-patients // 4)
    base = {"classes": 12, "resolutions": 1, "input_rows": 16, "input_cols": 16, "input_deps": 12,
            "borders": 0.5, "seed": 2}  # fmt: skip
    print(f"adjusted Rand index of {base['classes']} classes and where in their own lungs they lie")
    print("  scans      frame   patients of a class            index   ceiling   of it")
    for data, body in (("a", "whole"), ("b", "none"), ("b", "whole"), ("b", "crop"), ("b", "fit")):
        for k, which in ((train, "all"), (max(3, train // 3), "nearest third")):
            wishes = wishes_of({**base, "body": body.replace("none", "whole"), "neighbours": k})
            framing, frame, finder = found_in(work / data, wishes, work / f"{data}{body}{k}")
            classes, truth = [], []
            for number, pattern in enumerate(finder.patterns):
                centre = [a + side / 2 for a, side in zip(pattern.start, wishes.size, strict=True)]
                for scan in (*pattern.train, *pattern.val):
                    name = framing.scans[scan].paths[0].stem
                    voxel = frame.source(framing.extents[scan], centre)
                    voxel = np.array(centre) if body == "none" else voxel
                    low = lows[f"cropped {name}" if data == "b" else name]
                    classes.append(number)
                    truth.append(region(labels[name], voxel + low))
            index = adjusted_rand_score(truth, classes)
            most_of = [Counter(t for t, c in zip(truth, classes, strict=True) if c == number)
                       .most_common(1)[0][0] for number in range(len(finder.patterns))]  # fmt: skip
            ceiling = adjusted_rand_score([most_of[c] for c in classes], classes)
            said = "one field" if data == "a" else "cropped"
            print(
                f"  {said:<10} {body:<7} {which:<14} {len(classes):6} cubes {index:8.2f} "
                f"{ceiling:8.2f} {index / ceiling:8.0%}"
            )
    print(
        "  Truth: the organ at a cube's centre, which third of the height of that patient's own\n"
        "  lungs, and their front or back half. Ceiling: about what classes would reach that lie\n"
        "  in one region in every patient; below 1 where two classes lie in one. What is lost\n"
        "  below it are cubes across a border of regions in some patients: people differ in size\n"
        "  and shape, and a frame without registration does not undo that. 'none' takes the same\n"
        "  index of each scan as it was taken, as the released scripts do."
    )


def region(labels: np.ndarray, voxel: np.ndarray) -> str:
    """Return where a voxel lies in a patient's anatomy."""
    x, y, z = np.clip(np.rint(voxel).astype(int), 0, np.array(labels.shape) - 1)
    lungs = np.argwhere((labels == 2) | (labels == 3))
    low, high = lungs.min(0), lungs.max(0) + 1
    third = int(np.clip(3 * (z - low[2]) / (high[2] - low[2]), 0, 2))
    half = int(2 * y >= low[1] + high[1])
    return f"{labels[x, y, z]} {third} {half}"


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="+", choices=("neighbours", "patterns", "anatomy"))
    parser.add_argument("--patients", type=int, help="of neighbours")
    parser.add_argument("--scans", type=int, help="of patterns and anatomy")
    parser.add_argument("--references", type=int, default=1000)
    options = parser.parse_args()
    parts = {
        "neighbours": lambda work: neighbours(
            options.patients or 1_000_000, options.references, 200, work
        ),
        "patterns": lambda work: patterns(options.scans or 16, work),
        "anatomy": lambda work: anatomy(options.scans or 24, work),
    }
    for part in options.what:
        with tempfile.TemporaryDirectory() as name:
            parts[part](Path(name))


if __name__ == "__main__":
    main()
