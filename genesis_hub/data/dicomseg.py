"""Label maps as DICOM-SEG, beside the series that they were made of; highdicom writes them."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.atomic import new_file
from genesis_hub.data.image import Array, Image
from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.version import __version__

# highdicom wants these of the source to be there; DICOM lets them be empty, and anonymised files
# often leave them away.
MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def write_dicom_seg(path: Path, labels: Array, image: Image, names: dict[int, str]) -> None:
    """Write a label map (X, Y, Z) as one binary segment for each number of `names`."""
    require("highdicom", "seg")
    import highdicom
    import pydicom

    sources = [pydicom.dcmread(source) for source in image.sources]
    if len(sources) not in (1, labels.shape[2]):
        raise BadInput(f"{image.path}: {len(sources)} files hold {labels.shape[2]} slices")
    for source in sources:
        for keyword in MAY_BE_EMPTY:
            if keyword not in source:
                setattr(source, keyword, "")
    masks = np.ascontiguousarray(labels.transpose(2, 1, 0)).astype(
        np.uint8
    )  # frames, rows, columns
    entropy = [str(sources[0].SOPInstanceUID), sha256(masks.tobytes()).hexdigest()]
    try:
        written: Any = highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=masks,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[segment(number, names[number]) for number in sorted(names)],
            # The same answer to the same series is the same object.
            series_instance_uid=pydicom.uid.generate_uid(entropy_srcs=[*entropy, "series"]),
            sop_instance_uid=pydicom.uid.generate_uid(entropy_srcs=[*entropy, "instance"]),
            series_number=1,
            instance_number=1,
            manufacturer="genesis_hub",
            manufacturer_model_name="genesis_hub",
            software_versions=__version__,
            device_serial_number="0",
        )
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"{image.path}: the series cannot carry a DICOM-SEG ({' '.join(str(error).split())}); "
            "format='nifti' can hold the answer"
        ) from error
    with new_file(path) as aside:
        written.save_as(aside)


def segment(number: int, name: str) -> Any:
    """Return the description of one segment."""
    import highdicom
    from pydicom.sr.codedict import codes

    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name="genesis_hub", version=__version__, family=codes.DCM.ArtificialIntelligence
        ),
    )
