"""A crop of a volume: from a packed corpus, from .nii.gz, and from a mapped .npy, side by side.

    python -m benchmarks.packing [--volumes 3] [--crops 60]

Volumes are real chest CTs where GENESIS_HUB_DATA is set, and a phantom of 512 x 512 x 128 with a
scanner's noise. Every file lies in memory after its first reading, so disks are not measured, but
bytes are: a store that is slower than memory is waited for in proportion to them. Roads are taken
in turn, at the same random places; figures are medians on one core. The ratio is what to quote.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import nibabel
import numcodecs
import numpy as np
import zarr

from benchmarks.rows import faster, tell
from genesis_hub.data.phantoms import chest_ct
from genesis_hub.data.readers import read
from training.corpus.chunked import Chunks, Layout, encoded
from training.corpus.places import Place

SIZE = (64, 64, 32)
CHUNKS = ((16, 16, 16), (32, 32, 16), (32, 32, 32), (64, 64, 16), (64, 64, 32), (64, 64, 64))
CODECS = {
    "zstd 3, no shuffle": numcodecs.Zstd(3),
    "blosc lz4 5, bits": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.BITSHUFFLE),
    "blosc zstd 1, bits": numcodecs.Blosc("zstd", 1, numcodecs.Blosc.BITSHUFFLE),
    "blosc zstd 3, bytes": numcodecs.Blosc("zstd", 3, numcodecs.Blosc.SHUFFLE),
    "blosc zstd 3, bits": numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE),
    "blosc zstd 5, bits": numcodecs.Blosc("zstd", 5, numcodecs.Blosc.BITSHUFFLE),
    "blosc zstd 9, bits": numcodecs.Blosc("zstd", 9, numcodecs.Blosc.BITSHUFFLE),
}


def real(count: int) -> list[np.ndarray]:
    """Return chest CTs of real people, where there are some."""
    data = os.environ.get("GENESIS_HUB_DATA")
    if not data:
        print("GENESIS_HUB_DATA is not set: phantoms only")
        return []
    files = sorted(Path(data, "chest_ct", "images").glob("*.nii.gz"))
    return [np.ascontiguousarray(read(path).framed("LPS")[0], np.int16) for path in files[:count]]


def made_up(side: int) -> list[np.ndarray]:
    """Return a phantom in the size of a scanner's images, with its noise."""
    small = chest_ct(0, size=(side, side, side // 4)).image[0]
    large = small.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    noise = np.random.default_rng(0).normal(0, 15, large.shape)
    return [np.clip(large + noise, -1024, 3071).astype(np.int16)]


def places(values: np.ndarray, count: int) -> list[tuple[slice, ...]]:
    """Return where crops are cut."""
    draw = np.random.default_rng(0)
    return [
        tuple(
            slice(begin, begin + width)
            for begin, width in (
                (int(draw.integers(0, side - width + 1)), width)
                for side, width in zip(values.shape, SIZE, strict=True)
            )
        )
        for _ in range(count)
    ]


def timed(call: Callable[[], Any], want: np.ndarray) -> float:
    """Return the seconds of a call that must give these values."""
    begin = time.perf_counter()
    got = call()
    taken = time.perf_counter() - begin
    assert np.array_equal(got, want)
    return taken


def roads(title: str, volumes: list[np.ndarray], crops: int, work: Path) -> None:
    """Print what a crop takes by each road."""
    taken: dict[str, list[float]] = {}
    stored: dict[str, int] = {}
    for number, values in enumerate(volumes):
        key, side = f"v{number}", work / f"v{number}"
        files = encoded(values, Layout(), {})
        for name, content in files.items():
            Place(work).put(f"{key}/{name}", content)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([-1, -1, 1, 1])), f"{side}.nii.gz")
        np.save(f"{side}.npy", values)
        chunks = Chunks(Place(work), Layout())
        by_zarr = zarr.open_array(side, mode="r")
        mapped = np.load(f"{side}.npy", mmap_mode="r")

        def packed(at: tuple[slice, ...], key: str = key, v: Any = values, c: Any = chunks) -> Any:
            return c.window(key, v.shape, tuple(one.start for one in at), SIZE)

        def afresh(at: tuple[slice, ...], key: str = key, v: Any = values) -> Any:
            return Chunks(Place(work), Layout()).window(
                key, v.shape, tuple(one.start for one in at), SIZE
            )

        ways: dict[str, tuple[Callable[[Any], Any], int, int]] = {
            "packed": (packed, sum(map(len, files.values())), crops),
            "packed, volume not seen before": (afresh, 0, crops),
            "packed, read by the zarr library": (lambda at, a=by_zarr: a[at], 0, crops),
            ".npy, mapped": (
                lambda at, m=mapped: np.array(m[at]), Path(f"{side}.npy").stat().st_size, crops,
            ),
            ".nii.gz by nibabel": (
                lambda at, p=f"{side}.nii.gz": np.asarray(nibabel.load(p).dataobj)[at],
                Path(f"{side}.nii.gz").stat().st_size, 3,
            ),
            ".nii.gz by genesis_hub": (
                lambda at, p=f"{side}.nii.gz": read(p).framed("LPS")[0][at], 0, 3,
            ),
        }  # fmt: skip
        for turn, at in enumerate(places(values, crops)):
            for name, (way, size, most) in ways.items():
                if turn < most:
                    one = timed(lambda way=way, at=at: way(at), values[at])
                    taken.setdefault(name, []).append(one)
                if turn == 0:
                    stored[name] = stored.get(name, 0) + size
    voxels = sum(values.size for values in volumes)
    least = statistics.median(taken["packed"])
    print(f"{'a crop of 64 x 64 x 32':34} {'ms':>8} {'ratio':>7} {'bytes/voxel':>12}")
    for name, times in taken.items():
        size = f"{stored[name] / voxels:12.2f}" if stored[name] else f"{'':12}"
        one = statistics.median(times)
        print(f"{name:34} {1e3 * one:8.2f} {one / least:7.1f} {size}")
        if not name.startswith("packed"):
            tell(f"a crop of a packed {title}", name, faster(one / least))


def layouts(volumes: list[np.ndarray], crops: int, work: Path) -> None:
    """Print what the shape of chunks costs: room, time, and bytes that are read for a crop."""
    print(
        f"{'chunk':14} {'bytes/voxel':>11} {'write Mvoxel/s':>15} {'crop ms':>8} {'KB read':>8} "
        f"{'index KB':>9}"
    )
    for chunk in CHUNKS:
        layout = Layout(chunk, (512, 512, 256), 3)
        size, wrote, reads, times = 0, 0.0, 0, []
        for number, values in enumerate(volumes):
            key = f"{'x'.join(map(str, chunk))}/{number}"
            begin = time.perf_counter()
            files = encoded(values, layout, {})
            wrote += time.perf_counter() - begin
            size += sum(map(len, files.values()))
            place = Counting(work)
            for name, content in files.items():
                place.put(f"{key}/{name}", content)
            chunks = Chunks(place, layout)
            chunks.window(key, values.shape, (0, 0, 0), SIZE)
            place.count = 0
            for at in places(values, crops):
                starts = tuple(one.start for one in at)
                times.append(
                    timed(lambda s=starts, k=key, v=values, c=chunks: c.window(k, v.shape, s, SIZE),
                          values[at])
                )  # fmt: skip
            reads += place.count
        voxels = sum(values.size for values in volumes)
        index = 16 * prod(layout.per_shard(volumes[-1].shape)) / 1e3
        print(
            f"{' x '.join(map(str, chunk)):14} {size / voxels:11.3f} {voxels / wrote / 1e6:15.0f} "
            f"{1e3 * statistics.median(times):8.2f} {reads / len(times) / 1e3:8.0f} {index:9.0f}"
        )


class Counting(Place):
    """A place that counts the bytes it is asked for."""

    count = 0

    def spans(self, asked: Any) -> list[bytes]:
        """Return parts of files, and count them."""
        self.count += sum(end - begin for _, begin, end in asked)
        return super().spans(asked)


def codecs(volumes: list[np.ndarray]) -> None:
    """Print what each codec makes of chunks of 32 x 32 x 16: median milliseconds of one."""
    chunks = [
        np.ascontiguousarray(values[x : x + 32, y : y + 32, z : z + 16])
        for values in volumes
        for x in range(0, values.shape[0] - 31, 64)
        for y in range(0, values.shape[1] - 31, 64)
        for z in range(0, values.shape[2] - 15, 32)
    ]
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in CODECS}
    for chunk in chunks[:: max(1, len(chunks) // 60)]:
        for name, codec in CODECS.items():
            begin = time.perf_counter()
            packed = codec.encode(chunk)
            middle = time.perf_counter()
            codec.decode(packed)
            taken[name].append((middle - begin, time.perf_counter() - middle, len(packed)))
    print(f"{'codec':22} {'bytes/voxel':>11} {'pack ms':>8} {'unpack ms':>10}")
    for name, times in taken.items():
        pack, unpack, _ = (1e3 * statistics.median(one) for one in zip(*times, strict=True))
        size = statistics.mean(one[2] for one in times) / chunks[0].size
        print(f"{name:22} {size:11.3f} {pack:8.3f} {unpack:10.3f}")


def main() -> None:
    """Measure every road, chunk shape and codec."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--volumes", type=int, default=3)
    parser.add_argument("--crops", type=int, default=60)
    parser.add_argument("--small", action="store_true", help="a small phantom alone")
    options = parser.parse_args()
    some = [] if options.small else real(options.volumes)
    for title, volumes in (("real CT", some), ("phantom", made_up(96 if options.small else 256))):
        if volumes:
            print(f"\n{title}: {', '.join(' x '.join(map(str, v.shape)) for v in volumes)}")
            with tempfile.TemporaryDirectory() as work:
                roads(title, volumes, options.crops, Path(work))
                layouts(volumes, options.crops, Path(work))
            codecs(volumes)


if __name__ == "__main__":
    main()
