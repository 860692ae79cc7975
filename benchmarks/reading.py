"""Reading images beside SimpleITK's own reader, and what the input contract costs, in one run.

    python -m benchmarks.reading [--repeats 9]

Files are phantoms, written for the run: 512 x 512 x 100 int16 as NIfTI and MetaImage, 200 DICOM
slices. Each figure is the median of calls taken in turn; every value is touched on both sides,
since mapped files read nothing before. The ratio is what to quote, machines differ.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.rows import faster, tell
from benchmarks.timing import in_turn, times

AFFINE = np.diag([-0.7, -0.7, 1.5, 1.0])


def volume(slices: int) -> np.ndarray:
    """Return a made-up chest CT (X, Y, Z) of 512 x 512 with a scanner's noise."""
    from genesis_hub.data.phantoms import chest_ct

    small = chest_ct(0, size=(256, 256, slices // 2)).image[0]
    large = small.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    noise = np.random.default_rng(0).normal(0, 12, large.shape).astype(np.int16)
    return np.where(large > -950, large + noise, large).astype(np.int16)


def reading(repeats: int, slices: int, work: Path) -> None:
    """Print what reading takes, format by format."""
    import nibabel
    import SimpleITK as sitk  # noqa: N813 - its users' name for it

    from genesis_hub.data.readers import read
    from tests.scans import write_dicom_series

    stored = volume(slices)
    nibabel.save(nibabel.Nifti1Image(stored, AFFINE), work / "a.nii")
    nibabel.save(nibabel.Nifti1Image(stored, AFFINE), work / "a.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(stored), str(work / "a.mha"), True)
    write_dicom_series(work / "series", volume(2 * slices), AFFINE, intercept=-1024)

    def theirs(path: Path) -> int:
        if path.is_dir():
            series = sitk.ImageSeriesReader()
            series.SetFileNames(series.GetGDCMSeriesFileNames(str(path)))
            return int(sitk.GetArrayFromImage(series.Execute()).max())
        return int(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).max())

    def ours(path: Path) -> int:
        return int(read(path).array.max())

    for name, title in (
        ("a.nii.gz", f"{slices} slices, .nii.gz"), ("a.nii", f"{slices} slices, .nii"),
        ("a.mha", f"{slices} slices, .mha, packed"), ("series", f"{2 * slices} slices, DICOM"),
    ):  # fmt: skip
        path = work / name
        assert ours(path) == theirs(path)
        took = in_turn(
            {"ours": lambda _, p=path: ours(p), "theirs": lambda _, p=path: theirs(p)}, repeats
        )
        one, other = (statistics.median(some) for some in took.values())
        print(f"{title:<22} {one:11.3f}s, SimpleITK {other:9.3f}s")
        tell(f"reading {title}", "SimpleITK", faster(times(*took.values())))


def contract(repeats: int, slices: int, work: Path) -> None:
    """Print what the check of the input contract costs."""
    import nibabel

    import genesis_hub
    from genesis_hub.data.readers import read
    from genesis_hub.inputs import Inputs

    inputs = Inputs(genesis_hub.model_info("models-genesis").inputs, 1)
    patch = np.ascontiguousarray(volume(64)[None, 200:264, 200:264, :32])
    floats = patch.astype(np.float32)
    checks = {"ints": lambda _: inputs.check(patch), "floats": lambda _: inputs.check(floats)}
    one, other = (statistics.median(some) for some in in_turn(checks, 20 * repeats).values())
    ms = f"int16 {1e3 * one:.2f} ms, float32 {1e3 * other:.2f} ms"
    print(f"check, 64x64x32 patch  {ms} (limit 1)")
    for kind, suffix in (("int16", ".nii.gz"), ("float32", ".nii.gz"), ("float32", ".nii")):
        path = work / f"check{suffix}"
        nibabel.save(nibabel.Nifti1Image(volume(slices).astype(kind), AFFINE), path)
        held = read(path).array
        took = in_turn(
            {
                "read": lambda _, p=path: np.array(read(p).array),
                "check": lambda _, a=held: inputs.check(a),
            },
            repeats,
        )
        share = 1 / times(took["check"], took["read"])
        print(f"check, {kind} {suffix:<8} {1e3 * statistics.median(took['check']):6.2f} ms")
        tell(f"the input contract's check, {kind}", f"reading the {suffix}", f"{share:.2%} of time")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--slices", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        reading(options.repeats, options.slices, Path(work))
        contract(options.repeats, options.slices, Path(work))


if __name__ == "__main__":
    main()
