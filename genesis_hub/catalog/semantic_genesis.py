"""Semantic Genesis (2020) and TransVW (2021): one network, one code, two sets of weights."""

from dataclasses import replace

from genesis_hub.catalog.models_genesis import BATCH_NOTE, CHEST_CT, UNET_KERAS_KEYS, UNET_KEYS
from genesis_hub.catalog.terms import (
    ASU_LICENSE_SEMANTIC_GENESIS,
    ASU_LICENSE_TRANSVW,
    CC_BY_SA_4,
    MINI,
    PATENT_NOTE,
    PATENTS_SEMANTIC,
    PATENTS_TRANSVW,
)
from genesis_hub.entry import Entry, Layout, Location, Paper, Rename

SEMANTIC_GENESIS = Paper(
    title="Learning Semantics-enriched Representation via Self-discovery, Self-classification, "
    "and Self-restoration",
    authors="Haghighi, Hosseinzadeh Taher, Zhou, Gotway, Liang",
    venue="MICCAI 2020",
    year=2020,
    url="https://arxiv.org/abs/2007.06959",
)
TRANSVW = Paper(
    title="Transferable Visual Words: Exploiting the Semantics of Anatomical Patterns for "
    "Self-supervised Learning",
    authors="Haghighi, Hosseinzadeh Taher, Zhou, Gotway, Liang",
    venue="IEEE Transactions on Medical Imaging (2021)",
    year=2021,
    url="https://arxiv.org/abs/2102.10680",
)

SEMANTIC_CODE = "https://github.com/fhaghighi/SemanticGenesis"
TRANSVW_CODE = "https://github.com/fhaghighi/TransVW"

# `classficationNet.` is spelt so in the authors' files.
PREFIXES = ("module.", "classficationNet.")

SWAV_LEFTOVER = "left over from a clustering head; no network of the release uses it"

YNET_KEYS = (
    *UNET_KEYS,
    Rename(r"^clc_out\.conv1\.", "head.classification.conv."),
    Rename(r"^clc_out\.bn1\.", "head.classification.norm."),
    Rename(r"^clc_out\.fc1\.", "head.classification.fc."),
    Rename(r"^(?:.*\.)?projection_head(?:\..*)?$", None, SWAV_LEFTOVER),
    Rename(r"^(?:.*\.)?prototypes(?:\..*)?$", None, SWAV_LEFTOVER),
)

YNET_KERAS_KEYS = (
    *UNET_KERAS_KEYS,
    Rename(r"^depth_14_conv\.", "head.classification.conv."),
    Rename(r"^depth_14_bn\.", "head.classification.norm."),
    Rename(r"^cls_fc\.", "head.classification.hidden."),
    Rename(r"^cls_output\.", "head.classification.fc."),
)

KERAS_HEAD_NOTE = (
    "The Keras classification head is another one than PyTorch's (512 channels and a hidden "
    "layer of 1,024 units); neither file fits the other network."
)

ENTRIES = (
    Entry(
        name="semantic-genesis",
        family="semantic-genesis",
        method="semantic-genesis",
        ndim=3,
        architecture="genesis-ynet",
        summary="3D Y-Net: encoder and decoder that classify and restore anatomical patterns.",
        paper=SEMANTIC_GENESIS,
        code=SEMANTIC_CODE,
        license=ASU_LICENSE_SEMANTIC_GENESIS,
        inputs=CHEST_CT,
        location=Location(road="zenodo", address="4625297", file="semantic_genesis_chest_ct.pt"),
        layouts=(Layout("PyTorch", YNET_KEYS, prefixes=PREFIXES),),
        pretext_classes=44,
        patents=PATENTS_SEMANTIC,
        patent_note=PATENT_NOTE,
        made_by="semantic-genesis",
        notes=(BATCH_NOTE,),
    ),
    Entry(
        name="semantic-genesis-keras",
        family="semantic-genesis",
        method="semantic-genesis",
        ndim=3,
        architecture="genesis-ynet-keras",
        summary="3D Y-Net of the Keras release: nearest up-sampling, running statistics.",
        paper=SEMANTIC_GENESIS,
        code=SEMANTIC_CODE,
        license=ASU_LICENSE_SEMANTIC_GENESIS,
        inputs=CHEST_CT,
        location=Location(road="zenodo", address="4625297", file="semantic_genesis_chest_ct.h5"),
        layouts=(Layout("Keras", YNET_KERAS_KEYS),),
        pretext_classes=44,
        patents=PATENTS_SEMANTIC,
        patent_note=PATENT_NOTE,
        made_by="semantic-genesis-keras",
        notes=(KERAS_HEAD_NOTE,),
    ),
    Entry(
        name="transvw",
        family="semantic-genesis",
        method="transvw",
        ndim=3,
        architecture="genesis-ynet",
        summary="Transferable visual words: Semantic Genesis' network, trained as an add-on.",
        paper=TRANSVW,
        code=TRANSVW_CODE,
        license=ASU_LICENSE_TRANSVW,
        inputs=CHEST_CT,
        location=Location(road="zenodo", address="4625321", file="TransVW_chest_ct.pt"),
        layouts=(Layout("PyTorch", YNET_KEYS, prefixes=PREFIXES),),
        pretext_classes=44,
        patents=PATENTS_TRANSVW,
        patent_note=PATENT_NOTE,
        made_by="transvw",
        notes=(BATCH_NOTE,),
    ),
    Entry(
        name="transvw-keras",
        family="semantic-genesis",
        method="transvw",
        ndim=3,
        architecture="genesis-ynet-keras",
        summary="TransVW of the Keras release: nearest up-sampling, running statistics.",
        paper=TRANSVW,
        code=TRANSVW_CODE,
        license=ASU_LICENSE_TRANSVW,
        inputs=CHEST_CT,
        location=Location(road="zenodo", address="4625321", file="TransVW_chest_ct.h5"),
        layouts=(Layout("Keras", YNET_KERAS_KEYS),),
        pretext_classes=44,
        patents=PATENTS_TRANSVW,
        patent_note=PATENT_NOTE,
        made_by="transvw-keras",
        notes=(KERAS_HEAD_NOTE,),
    ),
    Entry(
        name="semantic-genesis-mini",
        family="semantic-genesis",
        method="semantic-genesis",
        ndim=3,
        architecture="genesis-ynet",
        summary="A small sibling, a quarter as wide, pre-trained by this project; ships inside.",
        paper=SEMANTIC_GENESIS,
        code=SEMANTIC_CODE,
        license=CC_BY_SA_4,
        inputs=replace(CHEST_CT, size=(32, 32, 16)),
        location=Location(road="bundled"),
        pretext_classes=64,
        width=0.25,
        patents=PATENTS_SEMANTIC,
        patent_note=PATENT_NOTE,
        made_by="semantic-genesis-mini",
        notes=(MINI,),
    ),
)
