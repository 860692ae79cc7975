"""What a results file says of a name, and a published folder's card made anew from it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genesis_hub import cards, registry
from genesis_hub.atomic import new_file
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.saved import follow
from genesis_hub.spec import Wishes
from genesis_hub.weights.folder import CARD, CONFIG, read_folder, write_json

PROOF = Path(__file__).parent.parent / "benchmarks" / "results" / "proof.json"
MEASURED = "measured"  # Of a folder's provenance.
MADE = {"on", "python", "torch", "machine"}
CLAIM = {
    "weights", "set", "fraction", "measure", "said", "committed", "seeds", "differences", "held",
    "why",
}  # fmt: skip
ROW = {
    "title", "mode", "measure", "labelled", "weights", "pretraining_seed", "value", "low", "high",
    "seen", "labels_seen", "against",
}  # fmt: skip
DIFFERENCE = {"difference", "corrected_low", "corrected_high"}


def read_results(path: str | Path) -> dict[str, Any]:
    """Return a results file's `made`, `claims` and `rows`, or say what is wrong with it."""
    try:
        told = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} cannot be read: {error}; `python -m benchmarks.proof` writes one"
        ) from error
    if not isinstance(told, dict) or not told.keys() >= {"made", "claims", "rows"}:
        raise BadInput(
            f"{path} has no made, claims and rows; `python -m benchmarks.proof` writes them"
        )
    whole(told["made"], MADE, f"{path}: made")
    for place, one in enumerate(told["claims"]):
        whole(one, CLAIM, f"{path}: claim {place}")
        for apart in one["differences"]:
            whole(apart, {"pretraining_seed", "adjusted", *DIFFERENCE}, f"{path}: claim {place}")
    for place, row in enumerate(told["rows"]):
        whole(row, ROW, f"{path}: row {place}")
        if row["against"] is not None:
            whole(row["against"], {"said", *DIFFERENCE}, f"{path}: row {place}, against")
    return told


def whole(table: object, keys: set[str], where: str) -> None:
    """Raise `BadInput` unless a table has all keys."""
    missing = keys - table.keys() if isinstance(table, dict) else keys
    if missing:
        raise BadInput(
            f"{where} lacks {', '.join(sorted(missing))}; `python -m benchmarks.proof` writes it"
        )


def measured(path: str | Path, name: str, seed: int) -> dict[str, Any] | None:
    """Return what a results file says of a name pre-trained with a seed; None where nothing.

    A claim is of the method, so it keeps the differences of every pre-training seed.
    """
    told = read_results(path)
    claims = [one for one in told["claims"] if one["weights"] == name]
    rows = [
        {key: row[key] for key in sorted(ROW)}
        for row in told["rows"]
        if row["weights"] == name and row["pretraining_seed"] == seed
    ]
    return {"made": told["made"], "claims": claims, "rows": rows} if claims or rows else None


def refresh(folder: str | Path, *, results: str | Path | None, about: str = "") -> bool:
    """Write a folder's facts and card anew from a results file; say whether it told of it.

    about: what the card says of the weights beside their numbers; as it was where empty. The
    tensors and their sha256 stay as they are; without a results file what was measured does, too.
    """
    artefact = read_folder(Path(folder).expanduser())
    artefact.check_sha256()
    made = artefact.facts["provenance"]
    if "pretrained" not in made:
        raise BadInput(f"{folder} was not pre-trained by training.pretrain; it has no such card")
    name = artefact.facts["name"]
    found = made.get(MEASURED)
    if results is not None:
        found = measured(results, name, seed_of(made))
    kept = {key: value for key, value in made.items() if key != MEASURED}
    kept |= {"about": about} if about else {}
    facts = {**artefact.facts, "provenance": {**kept, **({MEASURED: found} if found else {})}}
    card = cards.render(entry_of(facts), this=facts)
    with new_file(artefact.folder / CARD) as aside:
        aside.write_text(card, encoding="utf-8")
    with new_file(artefact.folder / CONFIG) as aside:
        write_json(aside, {**artefact.config, "genesis_hub": facts})
    return found is not None


def entry_of(facts: Mapping[str, Any]) -> Entry:
    """Return the row of the catalog as it is true of a folder, with the input it keeps."""
    _, entry = follow(facts, registry.find(facts["name"]), Wishes(), as_saved=True)
    return entry


def seed_of(made: Mapping[str, Any]) -> int:
    """Return the seed that weights were pre-trained with."""
    return int(made["pretrained"]["recipe"]["seed"])
