"""Model cards, written from the entries: facts once, in the catalog, and nowhere else."""

from collections.abc import Mapping
from typing import Any

from genesis_hub.entry import Entry
from genesis_hub.provenance import this_folder

ORGANISATION = "genesis-hub"
REPOSITORY = f"https://github.com/{ORGANISATION}/genesis-hub"

ROADS = {
    "hub": "Open. The authors' file `{file}` lies in the Hugging Face repository `{address}`.",
    "zenodo": "Open. The authors' file `{file}` lies in Zenodo record {address}.",
    "form": "On request only: the authors hand the file out through a form, {address}",
    "none": "None published. `python -m training.pretrain {made_by} --data DIR --out RUN`, from a "
    "checkout, makes them.",
    "bundled": "Inside the package.",
}


def render(entry: Entry, *, this: Mapping[str, Any] | None = None) -> str:
    """Return a model's card: Hub front matter, then what a reader needs in order.

    this: the facts of a folder with weights, when the card lies in it; then it says what they are.
    """
    made = this["provenance"] if this else {}
    own = bool(made.get("from_scratch")) or made_anew(entry, made)
    sections = own_body(entry, this) if this and own else body(entry, this)
    return "\n\n".join((front_matter(entry, own=own), *sections)) + "\n"


def made_anew(entry: Entry, made: Mapping[str, Any]) -> bool:
    """Say whether weights were pre-trained by their holder, from nothing of the authors'."""
    return "pretrained" in made and "source" not in made and entry.location.road != "bundled"


def front_matter(entry: Entry, *, own: bool = False) -> str:
    """Return the YAML that the Hugging Face Hub reads; own: the weights are nobody else's."""
    timm = entry.ndim == 2 and entry.family in ("adam", "timm")
    lines = [
        "---",
        f"library_name: {'timm' if timm else 'genesis_hub'}",
        f"license: {'other' if own else (entry.license.spdx or 'other').lower()}",
    ]
    if own:
        lines += ['license_name: "not set by its maker"']
    elif entry.license.spdx is None:
        lines += [f'license_name: "{entry.license.name}"', f"license_link: {entry.license.url}"]
    lines += [
        "pipeline_tag: image-feature-extraction",
        "tags:",
        *(f"- {tag}" for tag in ("medical-imaging", *([] if own else ["self-supervised"]))),
        *([] if own else [f"- {tag}" for tag in dict.fromkeys((entry.family, entry.method))]),
        f"- {entry.ndim}d",
        "---",
    ]
    return "\n".join(lines)


def body(entry: Entry, this: Mapping[str, Any] | None) -> list[str]:
    """Return the sections of a card."""
    paper, terms = entry.paper, entry.license
    source = '"."' if this else f'"{entry.name}"'
    sections = [
        f"# {entry.name}{', fine-tuned' if this and 'fine_tuned' in this['provenance'] else ''}",
        entry.summary,
        f"```python\nimport genesis_hub\n\nencoder = genesis_hub.from_pretrained({source})\n```",
        *(this_folder(this) if this else []),
        "## Method",
        f"{paper.authors}: *{paper.title}*. {paper.venue}. [Paper]({paper.url}), "
        f"[authors' code]({entry.code}).",
        *input_of(entry),
        "## Weights",
        ROADS[entry.location.road].format(
            file=entry.location.file, address=entry.location.address, made_by=entry.made_by
        ),
    ]
    if entry.encoders:
        names = ", ".join(published for published, _ in entry.encoders)
        sections += [
            "## Encoders",
            f"The built-in U-Net, or `encoder=` one of {names}. A folder saved with the built-in "
            "encoder carries no timm `architecture`: timm has no such network and refuses it.",
        ]
    if entry.notes:
        sections += ["## Good to know", *entry.notes]
    sections += [
        "## Licence and patents",
        f"{terms.name} ({terms.url}): {terms.summary}."
        + ("" if terms.redistributable else " Not redistributed by this project."),
    ]
    sections += patents_of(entry)
    sections.append(f"Not for clinical use. Written by [genesis_hub]({REPOSITORY}).")
    return sections


def patents_of(entry: Entry) -> list[str]:
    """Return what is known of patents: they reach whoever implements a method."""
    if entry.patents:
        return [f"Patents: {', '.join(entry.patents)}. {entry.patent_note}"]
    return [entry.patent_note] if entry.patent_note else []


def own_body(entry: Entry, facts: Mapping[str, Any]) -> list[str]:
    """Return the card of weights that are nobody else's: trained from nothing of the authors'."""
    pretrained = facts["provenance"].get("pretrained")
    # Another network than the method's own has a row of its own, which knows nothing of the method.
    by = (pretrained or {}).get("by") or {**vars(entry.paper), "patents": patents_of(entry)}
    if pretrained:
        whose = pretrained["method"] if "by" in pretrained else f"of {entry.name}"
        title = f"# {entry.name}, pre-trained anew"
        method = [
            f"The method {whose} on its maker's own images.",
            f"{by['authors']}: *{by['title']}*. {by['venue']}. [Paper]({by['url']}).",
        ]
    else:
        title, method = f"# A network of the form of {entry.name}, trained from scratch", []
    return [
        title,
        *method,
        f"Nothing of the published {entry.name} weights is in it, and none of their terms apply.",
        '```python\nimport genesis_hub\n\nmodel = genesis_hub.from_pretrained(".")\n```',
        *this_folder(facts),
        *input_of(entry),
        "## Licence",
        "Its maker has set none.",
        *by["patents"],
        f"Not for clinical use. Written by [genesis_hub]({REPOSITORY}).",
    ]


def input_of(entry: Entry) -> list[str]:
    """Return the section that says what the network takes."""
    inputs = entry.inputs
    size = " x ".join(map(str, inputs.size))
    lines = (
        f"- Axes: (N, C, {'X, Y, Z), slices last' if entry.ndim == 3 else 'X, Y)'}; "
        f"{inputs.channels} channel{'s' if inputs.channels > 1 else ''}; trained at {size}",
        f"- Values: {values(entry)}",
        *([f"- {inputs.note}"] if inputs.note else []),
    )
    return ["## Input", "\n".join(lines)]


def values(entry: Entry) -> str:
    """Say in words how an image becomes what the network saw."""
    inputs = entry.inputs
    said = inputs.unit
    if inputs.clip is not None:
        lo, hi = inputs.clip
        said += f", clipped to [{lo:g}, {hi:g}]"
        said += " and scaled to [0, 1]" if inputs.scale else ""
    if inputs.mean:
        mean = ", ".join(f"{v:g}" for v in inputs.mean)
        std = ", ".join(f"{v:g}" for v in inputs.std)
        said += f", then minus {mean}, divided by {std}"
    return said
