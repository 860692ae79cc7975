"""Any network of timm's as an entry, `timm:NAME`, so that it can stand beside ours."""

from genesis_hub.entry import Entry, InputFacts, License, Location, Paper
from genesis_hub.errors import UnknownModel
from genesis_hub.networks.guests import close_to, guest_facts, is_timm
from genesis_hub.networks.table import TIMM

PAPER = Paper(
    title="PyTorch Image Models",
    authors="Wightman",
    venue="GitHub",
    year=2019,
    url="https://github.com/huggingface/pytorch-image-models",
)


def guest(name: str) -> Entry:
    """Return the entry of `timm:NAME`; its weights learned from natural images."""
    timm_name = name.strip().removeprefix(TIMM)
    if not is_timm(timm_name):
        close = ", ".join(f"{TIMM}{one}" for one in close_to(timm_name)) or "none"
        raise UnknownModel(
            f"timm has no network named {timm_name!r}; close names: {close}; timm.list_models() "
            "shows all"
        )
    facts = guest_facts(timm_name)
    terms = facts.license or "not stated"
    return Entry(
        name=f"{TIMM}{timm_name}",
        family="timm",
        method="timm",
        ndim=2,
        architecture=f"{TIMM}{timm_name}",
        summary=f"{timm_name} of timm, which learned from natural images.",
        paper=PAPER,
        code=PAPER.url,
        license=License(
            name=terms,
            url=f"https://huggingface.co/{facts.address}" if facts.address else PAPER.url,
            spdx="Apache-2.0" if terms == "apache-2.0" else None,
            summary="as timm states it",
        ),
        inputs=InputFacts(
            modality="any",
            unit="grey or colour values 0 to 255",
            size=facts.size,
            multiple=facts.size if facts.fixed else (1, 1),
            channels=3,
            clip=(0.0, 255.0),
            mean=facts.mean,
            std=facts.std,
        ),
        location=Location(
            road="hub" if facts.address else "none", address=facts.address, file="model.safetensors"
        ),
    )
