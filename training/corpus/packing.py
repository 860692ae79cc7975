"""One volume on its way into a packed corpus: read, checked, kept as int16, written whole."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genesis_hub.catalog.models_genesis import CHEST_CT
from genesis_hub.data.hashes import perceptual_hash
from genesis_hub.data.image import Array, Image
from genesis_hub.data.readers.parts import parted
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.inputs import Inputs
from genesis_hub.sampling import unfit_values
from training.corpus.chunked import FACTS, SEAL, Layout, Stored, encoded, three
from training.corpus.contents import Row, facts_of, key_of, row_of
from training.corpus.leftout import LeftOut
from training.corpus.listing import Scan
from training.corpus.packed import FRAME
from training.corpus.places import Place

LEVELS = 65_535  # Steps that 16 bits tell apart.
COARSEST = 1.0  # HU: the difference of two stored values that a CT may have at most.
SLAB = 32  # Slices turned into int16 at once: what is made on the way stays small.


@dataclass(frozen=True)
class Packing:
    """How volumes are packed: where, in which layout, seen from which folder.

    check: refuse what looks like a mistake, as the verbs of the hub do.
    """

    place: Place
    layout: Layout
    base: Path
    check: bool = True
    again: frozenset[str] = frozenset()

    def __call__(self, scan: Scan) -> Row | LeftOut:
        """Pack a volume unless it is there whole; return its row, or why it is left out.

        What the place refuses, such as a full disk, is no fault of the volume and is raised.
        """
        seal = None
        if scan.name not in self.again:
            seal = self.place.get(f"{key_of(scan.name)}/{SEAL}")
        if seal is not None:
            row = row_of(json.loads(seal)["attributes"][FACTS])
            self.same(scan, row)
            return row
        try:
            row, stored = self.kept(scan)
        except (GenesisHubError, OSError) as error:
            return LeftOut.by(error, scan.name, scan.paths)
        files = encoded(stored, self.layout, facts_of(row))
        row = replace(row, packed_bytes=sum(map(len, files.values())))
        files = {
            name: resealed(content, row) if name == SEAL else content
            for name, content in files.items()
        }
        for name, content in files.items():
            self.place.put(f"{key_of(row.name)}/{name}", content)
        return row

    def unfit(self, scan: Scan) -> LeftOut | None:
        """Return why a volume would be left out, if it would; nothing is written."""
        try:
            self.kept(scan)
        except (GenesisHubError, OSError) as error:
            return LeftOut.by(error, scan.name, scan.paths)
        return None

    def same(self, scan: Scan, row: Row) -> None:
        """Raise `BadInput` where another image is packed under a name."""
        if (row.source, row.source_bytes) != (self.source(scan), size_of(scan)):
            raise BadInput(
                f"{self.place.address} holds a {scan.name!r} already, from {row.source} "
                f"({row.source_bytes} bytes), and {self.source(scan)} ({size_of(scan)} bytes) is "
                "another; name them apart by the column `name` of a CSV, or pack this one instead: "
                f"--again {scan.name}"
            )

    def source(self, scan: Scan) -> str:
        """Return where a scan comes from, seen from the data."""
        return Path(os.path.relpath(scan.paths[0], self.base)).as_posix()

    def kept(self, scan: Scan) -> tuple[Row, Stored]:
        """Read and check a volume; return what is known of it, and its values as int16."""
        image = scan.open()
        modality = modality_of(scan, image)
        if image.ndim != 3 or image.channels != 1:
            raise BadInput(
                f"{image.path} is {image.shape}, but volumes of one channel (1, X, Y, Z) are "
                "packed; list channels as images of their own, in a CSV"
            )
        pixels = image.framed(FRAME)
        spacing = image.framed_spacing(FRAME)
        inputs = inputs_of(modality)
        if self.check:
            inputs.check(pixels, spacing=spacing)
        else:
            inputs.check_kind(pixels)
            if unfit := unfit_values(pixels):
                raise BadInput(f"{image.path}: {unfit}")
        stored, slope, intercept = as_int16(pixels[0])
        least, greatest = float(pixels.min()), float(pixels.max())
        if modality == "ct" and slope > COARSEST:
            raise BadInput(
                f"{image.path}: values run from {least:g} to {greatest:g}, which 16 bits keep in "
                f"steps of {slope:.2g} HU; clip what is no tissue: numpy.clip(image, -1024, 3071)"
            )
        row = Row(
            name=scan.name,
            patient=scan.patient,
            modality=modality,
            split=scan.split or "",
            sides=three(stored.shape),
            spacing=() if spacing is None else tuple(map(float, spacing)),
            slope=slope,
            intercept=intercept,
            least=least,
            greatest=greatest,
            hash=perceptual_hash(image),
            source=self.source(scan),
            source_bytes=size_of(scan),
            packed_bytes=0,
        )
        return row, stored


def modality_of(scan: Scan, image: Image) -> str:
    """Return what made an image, as its list or else its file says, or raise `BadInput`."""
    modality = scan.modality or image.modality or ("ct" if image.unit == "HU" else "")
    if not modality:
        raise BadInput(
            f"{image.path} does not say what made it: give --modality ct (or mri) for all that do "
            "not say it, or a column `modality` in a CSV"
        )
    return modality


def refuse_unsaid(scans: Sequence[Scan]) -> None:
    """Raise `BadInput` where a kind of file says nothing of a modality, before any is packed.

    One of each kind is asked: NIfTI, NRRD and NumPy files have no word for it.
    """
    kinds = {scan.paths[0].suffix.lower(): scan for scan in reversed(scans) if not scan.modality}
    for scan in kinds.values():
        try:
            image = scan.open()
        except (GenesisHubError, OSError):
            continue  # It is left out with its reason when its turn comes.
        modality_of(scan, image)


def inputs_of(modality: str) -> Inputs:
    """Return what a volume is checked against: CT by its Hounsfield units, others by their own."""
    inputs = Inputs(CHEST_CT, 1)
    if modality == "ct":
        return inputs
    other = inputs.using(range="image")
    return replace(other, facts=replace(other.facts, modality=modality))


def as_int16(values: Array) -> tuple[Stored, float, float]:
    """Return values as int16, and the slope and intercept that bring them back.

    Whole numbers that span 16 bits come back as they were, others within half a slope.
    """
    least, greatest = float(values.min()), float(values.max())
    slope, intercept = 1.0, 0.0
    slabs = [slice(at, at + SLAB) for at in range(0, values.shape[-1], SLAB)]
    whole = values.dtype.kind != "f" or all(
        bool((values[..., slab] == np.rint(values[..., slab])).all()) for slab in slabs
    )
    if not whole or greatest - least > LEVELS:
        slope = (greatest - least) / LEVELS or 1.0
        intercept = least + 32_768 * slope
    elif least < -32_768 or greatest > 32_767:
        intercept = least + 32_768
    if (slope, intercept) == (1.0, 0.0):
        return np.ascontiguousarray(values, dtype=np.int16), slope, intercept
    stored = np.empty(values.shape, dtype=np.int16)
    for slab in slabs:
        steps = np.rint((values[..., slab].astype(np.float64) - intercept) / slope)
        stored[..., slab] = np.clip(steps, -32_768, 32_767)
    return stored, slope, intercept


def resealed(content: bytes, row: Row) -> bytes:
    """Return a volume's facts with what it takes in them."""
    facts = json.loads(content)
    facts["attributes"][FACTS] = facts_of(row)
    return json.dumps(facts, indent=1).encode()


def size_of(scan: Scan) -> int:
    """Return the bytes of a scan's file; of a folder, those of the files in it."""
    path, _ = parted(scan.paths[0])
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
