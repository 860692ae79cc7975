"""From an author's file to one of our folders: every tensor placed, dropped by rule, or refused."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_hub.assemble import assemble
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput, KeyMismatch, TermsNotice
from genesis_hub.plan import Part, Plan, make_plan
from genesis_hub.registry import find
from genesis_hub.spec import Spec
from genesis_hub.version import __version__
from genesis_hub.weights.folder import LICENSE, NOTICE, Contents, save_folder
from genesis_hub.weights.foreign import Foreign, open_foreign
from genesis_hub.weights.notice import licence_beside, notice
from genesis_hub.weights.store import make_current, place, slot
from genesis_hub.weights.tensorfile import sha256_of


def import_weights(
    name: str,
    file: str | Path,
    out: str | Path | None = None,
    *,
    part: Part | None = None,
    license: str | Path | None = None,
) -> Path:
    """Turn an author's file into one of our folders; without `out`, `from_pretrained` finds it.

    part: "unet" for a file without its classification head, "encoder" for an encoder alone.
    license: the authors' licence text to travel along; one beside the file is found by itself.
    Returns the folder. Its `config.json` keeps the file's sha256 and what became of each tensor.
    """
    if not isinstance(file, str | Path):
        raise BadInput(f"file={file!r} is no path; give the file of weights")
    entry, path = find(name), Path(file).expanduser()
    foreign = open_foreign(path)
    plan = make_plan(entry, foreign, part)
    sha256 = sha256_of(path)
    tensors, converted = read_values(foreign, plan)
    terms = {NOTICE: notice(entry, path.name, sha256)} if entry.license.notice else {}
    licence = licence_beside(path, license)
    if licence is not None:
        terms[LICENSE] = licence
    provenance = {
        "source": path.name,
        "sha256": sha256,
        "known": sha256 in (*entry.location.known, entry.location.sha256),
        "kind": foreign.kind,
        "layout": plan.layout.name,
        "wrapper": foreign.wrapper,
        "beside": list(foreign.beside),
        "part": part or "whole",
        "dropped": dict(plan.dropped),
        "absent": list(plan.absent),
        "converted": converted,
        "statistics": {key: statistics(tensor) for key, tensor in tensors.items()},
    }
    contents = Contents(
        entry=entry,
        spec=plan.spec.table(),
        inputs=entry.inputs,
        tensors=tensors,
        library=library_config(plan.spec, entry),
        terms=terms,
        provenance=provenance,
    )
    say_terms(entry)
    if out is not None:
        return save_folder(contents, out)
    kept = slot(entry.name, plan.spec.operator)
    stamp = "|".join((sha256, part or "whole", __version__, *sorted(terms.values())))
    version = hashlib.sha256(stamp.encode()).hexdigest()[:16]
    folder = save_folder(contents, place(kept, version))
    make_current(kept, version)
    return folder


def usable(value: Tensor, foreign: Foreign, key: str, name: str) -> Tensor:
    """Return a weight as fp32, or refuse one that no network can answer with."""
    single = value.to(torch.float32)
    if not bool(torch.isfinite(single).all()):
        finite = bool(torch.isfinite(value).all())
        what = "values too large for 32-bit floats" if finite else "NaN or infinite values"
    elif name.endswith("running_var") and bool((single < 0).any()):
        what = "a negative variance"
    else:
        return single
    raise KeyMismatch(
        f"{foreign.path}: the tensor {foreign.spell(key)!r} holds {what}; such weights answer "
        "nothing; get the file again"
    )


def say_terms(entry: Entry) -> None:
    """Say under which terms weights stand, once in a process for each name."""
    if entry.license.notice and entry.name not in _SAID:
        _SAID.add(entry.name)
        warnings.warn(
            f"the weights of {entry.name!r} stand under the {entry.license.name}: "
            f"{entry.license.summary}; {entry.license.url}",
            TermsNotice,
            stacklevel=3,
        )


_SAID: set[str] = set()


def read_values(foreign: Foreign, plan: Plan) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file's weights as fp32, finite, each with what it was converted from."""
    tensors, converted = {}, {}
    for name, key in plan.places.items():
        value = foreign.tensors.read(key)
        if value.is_floating_point():
            if value.dtype != torch.float32:
                converted[key] = f"from {str(value.dtype).removeprefix('torch.')} to float32"
            value = usable(value, foreign, key, name)
        else:
            value = value.to(torch.int64)
        tensors[name] = value
    return tensors, converted


def statistics(tensor: Tensor) -> list[float]:
    """Return mean, deviation, least and greatest value, for `doctor` to compare later."""
    values = tensor.double()
    spread = values.std(correction=0) if values.numel() else values.sum()
    figures = (values.mean(), spread, values.min(), values.max())
    return [float(f"{float(figure):.9g}") for figure in figures]


def library_config(spec: Spec, entry: Entry) -> dict[str, Any]:
    """Return timm's part of `config.json` for a model of this spec."""
    return assemble(spec, entry, empty=True).library_config()
