"""Reading images beside SimpleITK's own reader, and what the input contract costs, in one run.

    python benchmarks/reading.py [--repeats 9]

Files are phantoms, written for the run: 512 x 512 x 100 int16 as NIfTI and MetaImage, 200 DICOM
slices. Each figure is the median of calls taken in turn; every value is touched on both sides,
since mapped files read nothing before. The ratio is what to quote, machines differ.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests.scans writes the DICOM series.

AFFINE = np.diag([-0.7, -0.7, 1.5, 1.0])


def in_turn(repeats: int, calls: list[Callable[[], object]]) -> list[float]:
    """Return the median seconds of each call, run in turn after one warm-up."""
    taken: list[list[float]] = [[] for _ in calls]
    for turn in range(repeats + 1):
        for times, call in zip(taken, calls, strict=True):
            begin = time.perf_counter()
            call()
            if turn:
                times.append(time.perf_counter() - begin)
    return [statistics.median(times) for times in taken]


def volume(slices: int) -> np.ndarray:
    """Return a made-up chest CT (X, Y, Z) of 512 x 512 with a scanner's noise."""
    from genesis_hub.data.phantoms import chest_ct

    small = chest_ct(0, size=(256, 256, slices // 2)).image[0]
    large = small.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    noise = np.random.default_rng(0).normal(0, 12, large.shape).astype(np.int16)
    return np.where(large > -950, large + noise, large).astype(np.int16)


def reading(repeats: int, work: Path) -> None:
    """Print what reading takes, format by format."""
    import nibabel
    import SimpleITK as sitk  # noqa: N813 - its users' name for it

    from genesis_hub.data.readers import read
    from tests.scans import write_dicom_series

    stored = volume(100)
    nibabel.save(nibabel.Nifti1Image(stored, AFFINE), work / "a.nii")
    nibabel.save(nibabel.Nifti1Image(stored, AFFINE), work / "a.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(stored), str(work / "a.mha"), True)
    write_dicom_series(work / "series", volume(200), AFFINE, intercept=-1024)

    def theirs(path: Path) -> int:
        if path.is_dir():
            series = sitk.ImageSeriesReader()
            series.SetFileNames(series.GetGDCMSeriesFileNames(str(path)))
            return int(sitk.GetArrayFromImage(series.Execute()).max())
        return int(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).max())

    def ours(path: Path) -> int:
        return int(read(path).array.max())

    print(f"{'':<22} {'genesis_hub':>12} {'SimpleITK':>10} {'ratio':>6}")
    for name, title in (
        ("a.nii.gz", ".nii.gz, 100 slices"), ("a.nii", ".nii, mapped"),
        ("a.mha", ".mha, packed"), ("series", "DICOM, 200 slices"),
    ):  # fmt: skip
        path = work / name
        assert ours(path) == theirs(path)
        one, other = in_turn(repeats, [lambda p=path: ours(p), lambda p=path: theirs(p)])
        print(f"{title:<22} {one:11.3f}s {other:9.3f}s {one / other:6.2f}")


def contract(repeats: int, work: Path) -> None:
    """Print what the check of the input contract costs."""
    import nibabel

    import genesis_hub
    from genesis_hub.data.readers import read
    from genesis_hub.inputs import Inputs

    inputs = Inputs(genesis_hub.model_info("models-genesis").inputs, 1)
    patch = np.ascontiguousarray(volume(64)[None, 200:264, 200:264, :32])
    floats = patch.astype(np.float32)
    one, other = in_turn(20 * repeats, [lambda: inputs.check(patch), lambda: inputs.check(floats)])
    ms = f"int16 {1e3 * one:.2f} ms, float32 {1e3 * other:.2f} ms"
    print(f"check, 64x64x32 patch  {ms} (limit 1)")
    for kind, suffix in (("int16", ".nii.gz"), ("float32", ".nii.gz"), ("float32", ".nii")):
        path = work / f"check{suffix}"
        nibabel.save(nibabel.Nifti1Image(volume(100).astype(kind), AFFINE), path)
        held = read(path).array
        took = in_turn(
            repeats, [lambda p=path: np.array(read(p).array), lambda a=held: inputs.check(a)]
        )
        share = 100 * took[1] / took[0]
        ms = f"{1e3 * took[1]:6.2f} ms, {share:.2f} % of reading"
        print(f"check, {kind} {suffix:<8} {ms} (limit 1)")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        reading(options.repeats, Path(work))
        contract(options.repeats, Path(work))


if __name__ == "__main__":
    main()
