"""Does a network compute here what it computed when its release was made? `genesis-hub doctor`."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub.api import create_model
from genesis_hub.assemble import assemble, load
from genesis_hub.entry import Entry
from genesis_hub.errors import GenesisHubError
from genesis_hub.importing import statistics
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.registry import find
from genesis_hub.saved import follow
from genesis_hub.spec import OPERATORS, Wishes
from genesis_hub.weights.folder import Artefact, read_folder
from genesis_hub.weights.roads import here

GOLDEN = Path(__file__).parent / "golden.json"
# Narrow networks on small inputs: every operator is run, in seconds.
WIDTH = 0.125
SIZES = {"genesis-nnunet": (64, 64, 32), 3: (32, 32, 16), 2: (64, 64)}
CLASSES = 44  # Of the published Y-Nets.
PROBES = 16
# Largest difference over largest magnitude that fp32 rounding on another machine explains.
LIMIT = 1e-4


@dataclass(frozen=True)
class Finding:
    """One examination: what was done, whether it passed, and the largest relative error."""

    what: str
    passed: bool
    error: float
    said: str = ""


def examine(name: str) -> list[Finding]:
    """Run a name's network on generated weights against stored outputs; check stored weights.

    It says whether this machine computes what ours did. It cannot say that a file's weights are
    the authors': nobody here has seen those files.
    """
    entry = find(name)
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = []
    for norm in ARCHITECTURES[entry.architecture].norms or (None,):
        want = golden.get(golden_key(entry, norm))
        for device in devices():
            found.append(against_golden(entry, norm, device, want))
    folders = [folder for operator in (None, *OPERATORS) for folder in here(entry, operator)]
    for folder in dict.fromkeys(folders):
        found += stored_weights(entry, folder)
    return found


def golden_key(entry: Entry, norm: str | None) -> str:
    """Return under which key the outputs of a network are stored; names share networks."""
    return f"{entry.architecture}/{norm or 'fixed'}"


def probe(entry: Entry, norm: str | None, device: str = "cpu") -> list[float]:
    """Return a few numbers of a network's answers on generated weights and input."""
    row = ARCHITECTURES[entry.architecture]
    width = WIDTH if row.scalable else 1.0
    task = "pretext" if row.branches else None
    # Names that share a network share what is stored, however many classes each tells apart.
    classes = CLASSES if entry.ndim == 3 and entry.pretext_classes else 0
    model = create_model(entry.name, width=width, norm=norm, task=task, num_classes=classes)
    generate(model)
    size = SIZES.get(entry.architecture) or SIZES[entry.ndim]
    x = pseudo((2, entry.in_channels, *size), "input").abs()
    with torch.no_grad():
        answer = model.to(device)(x.to(device))
    parts = answer.values() if isinstance(answer, dict) else [answer]
    numbers: list[float] = []
    for part in parts:
        flat = part.flatten().double().cpu()
        numbers += flat[:: max(1, flat.numel() // PROBES)][:PROBES].tolist()
    return numbers


def generate(model: nn.Module) -> None:
    """Fill a model with values that depend on the names of its tensors only."""
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = pseudo(tuple(tensor.shape), name)
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            values = values.abs() + 0.5
        elif tensor.ndim > 1:
            values *= (3 / max(1, tensor[0].numel())) ** 0.5
        else:
            values *= 0.1
        tensor.copy_(values)


def pseudo(shape: tuple[int, ...], seed: str) -> Tensor:
    """Return numbers in [-1, 1) from integer arithmetic, the same on every machine and version."""
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "little")
    count = 1
    for side in shape:
        count *= side
    mixed = (torch.arange(count, dtype=torch.int64) * 2654435761 + start) % 2**32
    mixed = ((mixed ^ (mixed >> 15)) * 2246822519) % 2**32
    mixed = mixed ^ (mixed >> 13)
    return ((mixed % 2**20).float() / 2**19 - 1).reshape(shape)


def devices() -> Iterator[str]:
    """Return the devices of this machine."""
    yield "cpu"
    if torch.cuda.is_available():
        yield "cuda"
    if torch.backends.mps.is_available():
        yield "mps"


def against_golden(entry: Entry, norm: str | None, device: str, want: Any) -> Finding:
    """Hold a network's answers against the stored ones."""
    what = f"network, norm={norm or 'fixed'}, {device}"
    if want is None:
        return Finding(what, False, float("inf"), "no stored output of this network")
    try:
        got = torch.tensor(probe(entry, norm, device), dtype=torch.float64)
    except RuntimeError as failure:
        return Finding(what, False, float("inf"), str(failure).splitlines()[0])
    stored = torch.tensor(want, dtype=torch.float64)
    if got.shape != stored.shape:
        return Finding(what, False, float("inf"), "the answers have another shape")
    error = float((got - stored).abs().max() / stored.abs().max())
    return Finding(what, error <= LIMIT, error)


def stored_weights(entry: Entry, folder: Path) -> list[Finding]:
    """Check weights that lie on this machine: bytes, values, what was noted at import, answers."""
    try:
        artefact = read_folder(folder)
        artefact.check_sha256()
    except GenesisHubError as error:
        return [Finding(f"weights in {folder.name}", False, float("inf"), str(error))]
    found = [Finding("weights, sha256", True, 0.0), values_as_noted(artefact)]
    spec, true_entry = follow(artefact.facts, entry, Wishes(), as_saved=True)
    model = load(assemble(spec, true_entry, empty=True), artefact).float()
    size = SIZES.get(spec.architecture) or SIZES[entry.ndim]
    if spec.operator:
        size = (*size, 3)
    with torch.no_grad():
        answer = model(pseudo((2, spec.in_channels, *size), "input").abs())
    parts = answer.values() if isinstance(answer, dict) else [answer]
    finite = all(bool(torch.isfinite(part).all()) for part in parts)
    found.append(Finding("weights, answers finite", finite, 0.0 if finite else float("inf")))
    return found


def values_as_noted(artefact: Artefact) -> Finding:
    """Hold every tensor's mean, deviation and range against what was noted when it was stored."""
    noted = artefact.facts["provenance"].get("statistics", {})
    worst, where = 0.0, ""
    for key in artefact.tensors.keys():
        tensor = artefact.tensors.read(key)
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            return Finding("weights, values", False, float("inf"), f"{key} is not finite")
        if key not in noted:
            continue
        pairs = zip(statistics(tensor), noted[key], strict=True)
        scale = max(1e-12, *(abs(value) for value in noted[key]))
        error = max(abs(a - b) for a, b in pairs) / scale
        if error > worst:
            worst, where = error, key
    said = "" if noted else "nothing was noted when these were stored"
    return Finding("weights, values as noted", worst <= LIMIT, worst, where if worst else said)


def write_golden() -> None:
    """Store the outputs of every network; run when a network is meant to change."""
    from genesis_hub.registry import ENTRIES

    stored = {
        golden_key(entry, norm): [float(f"{value:.7g}") for value in probe(entry, norm)]
        for entry in ENTRIES.values()
        for norm in ARCHITECTURES[entry.architecture].norms or (None,)
    }
    rows = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in sorted(stored.items()))
    GOLDEN.write_text(f"{{\n{rows}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden()
