"""Dense features of pictures: the last stages of any 2D model, kept for the next search."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genesis_hub import api
from genesis_hub.atomic import new_file
from genesis_hub.data.finding import Found
from genesis_hub.errors import BadInput
from genesis_hub.infer.precision import computing
from genesis_hub.infer.prepare import Ready, fitted, prepare
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.sources import facts_of
from genesis_hub.inputs import Range, as_tensor
from genesis_hub.models import HubModel
from genesis_hub.searching.matching import normalised

STAGES = 2  # The last ones: what is where, and whereabouts.
MOST_CELLS = 16  # Along a side.
LEAST_SIDE = 256  # Pixels that a picture is shown at: in fewer, a map has too few cells to find by.
VERSION = 1


@dataclass(frozen=True, eq=False)
class Mapper:
    """A model as a search uses it: pictures in, maps (C, x, y) of vectors of length 1 out.

    size: of the picture that the model is shown. folder: where the maps of each picture are kept,
    by what the picture and the model are.
    """

    model: HubModel
    settings: Settings
    device: torch.device
    size: tuple[int, ...]
    folder: Path | None

    def read(self, found: Found) -> Ready:
        """Open a picture and check it, or raise `BadInput`."""
        image = found.open()
        if image.ndim == 3:
            raise BadInput(
                f"{image.path} is a volume {image.shape}; places are searched for in pictures: "
                "write the slices that matter as pictures"
            )
        return prepare(image, self.model.inputs, check=self.settings.check)

    def maps(self, some: Sequence[Ready]) -> list[Tensor]:
        """Return the map of each picture; those that are kept are not computed."""
        places = [self.place_of(ready) for ready in some]
        stages = [kept(place) for place in places]
        new = [at for at, held in enumerate(stages) if held is None]
        if new:
            for at, held in zip(new, self.computed([some[at] for at in new]), strict=True):
                stages[at] = held
                keep(places[at], held)
        return [self.whole(held) for held in stages if held is not None]

    def computed(self, some: Sequence[Ready]) -> list[list[Tensor]]:
        """Return the last stages of each picture, each (C, x, y) in half precision."""
        batch = torch.cat(
            [fitted(ready.convert(as_tensor(ready.pixels))[None], self.size) for ready in some]
        )
        with torch.inference_mode(), computing(self.settings.precision, self.device):
            answers = self.model(batch.to(self.device))
        chosen = [self.channels_first(one, at) for at, one in enumerate(answers)][-STAGES:]
        if not all(bool(torch.isfinite(one).all()) for one in chosen):
            raise BadInput("its features hold NaN or infinite values; look at the weights")
        # As large as half precision holds, and the same whether they were kept or not.
        held = [one.float() / one.float().abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
                for one in chosen]  # fmt: skip
        return [[stage[at].half().cpu() for stage in held] for at in range(len(some))]

    def channels_first(self, features: Tensor, stage: int) -> Tensor:
        """Return (N, C, x, y); some transformers give (N, x, y, C)."""
        info = self.model.feature_info
        width = info.channels()[stage]  # type: ignore[operator, union-attr]
        return features if features.shape[1] == width else features.movedim(-1, 1)

    def whole(self, stages: list[Tensor]) -> Tensor:
        """Return the stages of a picture as one map, on the grid of the finest of them."""
        sides = [max(stage.shape[axis] for stage in stages) for axis in (1, 2)]
        cells = (min(sides[0], MOST_CELLS), min(sides[1], MOST_CELLS))
        return normalised([stage.to(self.device) for stage in stages], cells)

    def place_of(self, ready: Ready) -> Path | None:
        """Return the file in which a picture's maps are kept."""
        if self.folder is None:
            return None
        pixels = np.ascontiguousarray(ready.pixels)
        said = f"{pixels.dtype} {pixels.shape} {ready.image.grey}".encode()
        return self.folder / f"{hashlib.sha256(said + pixels.tobytes()).hexdigest()[:32]}.npz"


def mapper(
    model: str | Path | HubModel,
    settings: Settings,
    device: torch.device,
    cache: str | Path | None,
    *,
    side: int | None = None,
    modality: str | None = None,
    range: Range | None = None,
) -> Mapper:
    """Return a model ready to map pictures, or raise `BadInput` where it cannot.

    side: of the picture that the model is shown; None: its own, but LEAST_SIDE at least.
    """
    network = dense(model, modality=modality, range=range).to(device).eval()
    size = shown_at(network, side)
    if cache is None:
        return Mapper(network, settings, device, size, None)
    facts = {
        **facts_of(network), "precision": settings.precision, "maps": [VERSION, STAGES, *size],
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    folder = Path(cache) / digest[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder} cannot be written to: {error.strerror or error}") from error
    return Mapper(network, settings, device, size, folder)


def shown_at(network: HubModel, side: int | None) -> tuple[int, ...]:
    """Return the size of the pictures that a model is shown, which it must be able to take."""
    facts = network.inputs.facts
    if side is not None:
        if side < 1 or any(side % multiple for multiple in facts.multiple[:2]):
            raise BadInput(
                f"side={side!r}, but a positive multiple of {facts.multiple[:2]} is expected"
            )
        return (side, side)
    if network.pretrained_cfg.get("fixed_input_size"):
        return facts.size[:2]  # A transformer's positions are for one size.
    return tuple(
        max(whole, -(-LEAST_SIDE // multiple) * multiple)
        for whole, multiple in zip(facts.size[:2], facts.multiple[:2], strict=True)
    )


def dense(
    model: str | Path | HubModel, *, modality: str | None, range: Range | None
) -> HubModel:  # fmt: skip
    """Return a 2D model that gives its feature maps."""
    if isinstance(model, HubModel):
        flat(model.ndim, model.spec.name)
        if not model.spec.features_only:
            raise BadInput(
                f"this {model.spec.name!r} gives no feature maps; give its name or folder, or load "
                "it with features_only=True"
            )
        if modality is not None or range is not None:
            model.expect(modality=modality, range=range)
        return model
    if api.folder_of(model) is None:  # Said before weights are looked for.
        flat(api.model_info(str(model)).ndim, str(model))
    loaded = api.from_pretrained(
        model, task="features", features_only=True, modality=modality, range=range
    )
    flat(loaded.ndim, str(model))
    return loaded.float()


def flat(ndim: int, name: str) -> None:
    """Raise `BadInput` for a model of volumes."""
    if ndim == 3:
        raise BadInput(
            f"{name!r} takes volumes, but places are searched for in pictures; give a 2D model, "
            "such as one of list_models(ndim=2) or timm:NAME"
        )


def kept(place: Path | None) -> list[Tensor] | None:
    """Return the maps that a file keeps, or None where there is no such file or it is torn."""
    if place is None or not place.is_file():
        return None
    try:
        with np.load(place, allow_pickle=False) as file:
            return [torch.from_numpy(file[name]) for name in sorted(file.files)]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def keep(place: Path | None, stages: Sequence[Tensor]) -> None:
    """Keep the maps of a picture, where a folder for them was given."""
    if place is None:
        return
    with new_file(place) as aside:
        np.savez(aside, **{f"stage{at}": stage.numpy() for at, stage in enumerate(stages)})  # type: ignore[arg-type]
