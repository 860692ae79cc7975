"""What the verbs are given: a model by name or folder, images by file, folder or manifest."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from genesis_hub import api
from genesis_hub.data.cases import Case, load_cases
from genesis_hub.data.cases.published import layout_of
from genesis_hub.data.finding import Found, find_images, told_apart
from genesis_hub.data.image import Image, stacked
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from genesis_hub.infer.journal import FILE
from genesis_hub.inputs import Range
from genesis_hub.models import HubModel
from genesis_hub.version import __version__

Source = str | Path
TABLES = (".csv", ".tsv")


def loaded(
    model: str | Path | HubModel,
    *,
    task: str | None = None,
    modality: str | None = None,
    range: Range | None = None,
) -> HubModel:
    """Return a model: itself, or loaded by name or from a folder."""
    if isinstance(model, HubModel):
        if modality is not None or range is not None:
            model.expect(modality=modality, range=range)
        return model
    # However its numbers are kept: `precision` says what is computed in.
    return api.from_pretrained(model, task=task, modality=modality, range=range).float()


def find(
    images: Source | Iterable[Source], *, uneven: bool, out: Path | None = None
) -> list[Found]:
    """Return the cases in files, folders and manifests; answers of ours are none."""
    if isinstance(images, str | Path):
        images = [images]
    elif not isinstance(images, Iterable):
        raise BadInput(f"images={images!r}, but a path or several paths are expected")
    found: list[Found] = []
    plain: list[Source] = []
    for one in images:
        if str(one).lower().endswith(TABLES) or is_stack(one):
            found += [of_case(case) for case in load_cases(one, check=False).cases]
        else:
            plain.append(one)
    if plain or not found:
        # A folder of answers of ours may lie below the images; what is in it is none.
        answers = out if out is not None and (out / FILE).is_file() else None
        found += find_images(plain, uneven=uneven, without=answers)
    return told_apart(found)


def is_stack(path: Source) -> bool:
    """Say whether a file holds the images of many cases, and says which."""
    return str(path).lower().endswith(".npz") and layout_of(Path(path).expanduser()) is not None


def of_case(case: Case) -> Found:
    """Return a row of a manifest as an image to be opened; several files are its channels."""
    return Found(case.name, case.images[0], partial(open_case, case))


def open_case(case: Case) -> Image:
    """Read the image of a case."""
    return stacked([read(path) for path in case.images])


def facts_of(model: HubModel) -> dict[str, Any]:
    """Return what tells one model's answers from another's."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return {
        "name": model.spec.name,
        "task": model.spec.task,
        "tensors": digest.hexdigest(),
        "inputs": asdict(model.inputs.facts),
        "genesis_hub": __version__,
    }
