"""Deep features of every patient, in files: one row each, and a table of whose they are."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput
from genesis_hub.weights.tensorfile import sha256_of
from training.corpus.leftout import LeftOut
from training.discovery.autoencoder import AutoEncoder, embedded
from training.discovery.filling import Filling, digest_of, seal, sealed
from training.discovery.framing import Framing, WholeVolumes, volumes_digest, volumes_of
from training.discovery.learning import file_of, read_autoencoder
from training.discovery.scans import Scans
from training.discovery.wishes import Wishes

FEATURES = {"train": "train_features", "val": "validation_features"}
AT_ONCE = 16  # Scans between two marks of what is done.
TOLD = ("name", "patient", "path")


@dataclass(frozen=True)
class Featured:
    """Features of the scans of both splits, and which scan each row is of.

    places: by split, the place of each row's scan. left_out: scans that could not be read.
    """

    features: dict[str, NDArray[np.float32]]
    places: dict[str, tuple[int, ...]]
    digest: str
    left_out: tuple[LeftOut, ...] = ()


def features_of(
    framing: Framing,
    weights: Path,
    wishes: Wishes,
    folder: Path,
    work: Path,
    *,
    device: torch.device,
    quiet: bool,
) -> Featured:
    """Write the features of every scan, or go on, or take them as they are."""
    network, facts = read_autoencoder(weights)
    sides = (*facts["sides"],)
    if sides != wishes.volume:
        rows, cols, deps = sides
        wishes = replace(wishes, volume_rows=rows, volume_cols=cols, volume_deps=deps)
    digest = digest_of(volumes_digest(framing, wishes), sha256_of(file_of(weights)))
    for split, name in FEATURES.items():
        if (sealed(folder, name) or {}).get("digest") != digest:
            framing = volumes_of(framing, wishes, work, quiet=quiet)
            network = network.to(device)
            write_features(framing, split, network, folder, work, digest, device, quiet=quiet)
    left_out = (sealed(folder, FEATURES["train"]) or {}).get("left_out", [])
    found = read_features(framing.scans, folder / "train_features.npy", None)
    return replace(
        found, digest=digest, left_out=tuple(LeftOut(n, None, why) for n, why in left_out)
    )


def write_features(
    framing: Framing,
    split: str,
    network: AutoEncoder,
    folder: Path,
    work: Path,
    digest: str,
    device: torch.device,
    *,
    quiet: bool,
) -> None:
    """Write the features of one split, and the table beside them."""
    name, places = FEATURES[split], framing.of(split)
    volumes = WholeVolumes(work, places)
    units = [range(at, min(at + AT_ONCE, len(places))) for at in range(0, len(places), AT_ONCE)]
    shape = {name: ((len(places), network.encoder.num_features), "f4")}
    with (
        Filling(folder, name, shape, len(units), digest) as filling,
        tqdm(total=len(places), disable=quiet or None, unit="scan", desc=name) as bar,
    ):
        bar.update(sum(len(one) for at, one in enumerate(units) if filling.done[at]))
        for unit in filling.todo:
            filling.write(name, units[unit].start, embedded(network, volumes, units[unit], device))
            filling.finish([unit])
            bar.update(len(units[unit]))
        filling.close()
    with (
        new_file(folder / f"{name}.csv") as aside,
        aside.open("w", newline="", encoding="utf-8") as table,
    ):
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(TOLD)
        for place in places:
            scan = framing.scans[place]
            writer.writerow((scan.name, scan.patient, scan.paths[0] if scan.paths else ""))
    left_out = [[one.name, one.reason] for one in framing.left_out]
    seal(folder, name, {"digest": digest, "left_out": left_out})


def read_features(scans: Scans, train: Path, validation: Path | None) -> Featured:
    """Return features from files; a table of names beside them says whose, else the order does.

    Without one they are taken as the released scripts write them: of all scans, sorted by name.
    """
    if validation is None:
        validation = train.with_name(f"{FEATURES['val']}.npy")
    features, places = {}, {}
    for split, path in (("train", train), ("val", validation)):
        try:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BadInput(f"{path} cannot be read as features: {error}") from error
        if rows.ndim != 2:
            raise BadInput(f"{path} is {rows.shape}; (patients, features) is expected")
        features[split] = rows
        places[split] = whose(scans, split, path, len(rows))
    return Featured(features, places, digest_of(*(sha256_of(p) for p in (train, validation))))


def whose(scans: Scans, split: str, path: Path, count: int) -> tuple[int, ...]:
    """Return which scan each row of features is of."""
    table = path.with_suffix(".csv")
    own = scans.of(split)
    if not table.is_file():
        if count != len(own):
            raise BadInput(
                f"{path} has {count} rows, but {len(own)} scans are for {split}; extract the "
                "features anew: python -m training.discover features"
            )
        return own
    by_name = {scans[place].name: place for place in own}
    with table.open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    unknown: Sequence[str] = [name for name in names if name not in by_name]
    if unknown or len(names) != count:
        raise BadInput(
            f"{table}: {len(names)} names for {count} rows, {len(unknown)} of no scan that is here "
            f"for {split}{f' ({unknown[0]!r})' if unknown else ''}; extract the features anew"
        )
    return tuple(by_name[name] for name in names)
