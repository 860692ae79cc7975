"""Models Genesis (Zhou et al. 2019, 2021): restoring perturbed cubes of chest CT."""

from dataclasses import replace

from genesis_hub.catalog.terms import (
    ASU_LICENSE_MODELS_GENESIS,
    CC_BY_SA_4,
    MINI,
    PATENT_NOTE,
    PATENTS_GENESIS,
)
from genesis_hub.entry import Entry, InputFacts, Layout, Location, Paper, Rename

PAPER = Paper(
    title="Models Genesis",
    authors="Zhou, Sodha, Pang, Gotway, Liang",
    venue="Medical Image Analysis 67 (2021); first at MICCAI 2019",
    year=2021,
    url="https://arxiv.org/abs/2004.07882",
)

CODE = "https://github.com/MrGiovanni/ModelsGenesis"

CHEST_CT = InputFacts(
    modality="ct",
    unit="HU",
    size=(64, 64, 32),
    multiple=(8, 8, 8),
    clip=(-1000.0, 1000.0),
    note="MRI: clip to [0, 4000], or scale each patient to [0, 1], as the authors advise.",
)

UNET_KEYS = (
    Rename(r"^down_tr64\.ops\.([01])\.conv1\.", r"encoder.stages.0.\1.conv."),
    Rename(r"^down_tr64\.ops\.([01])\.bn1\.", r"encoder.stages.0.\1.norm."),
    Rename(r"^down_tr128\.ops\.([01])\.conv1\.", r"encoder.stages.1.\1.conv."),
    Rename(r"^down_tr128\.ops\.([01])\.bn1\.", r"encoder.stages.1.\1.norm."),
    Rename(r"^down_tr256\.ops\.([01])\.conv1\.", r"encoder.stages.2.\1.conv."),
    Rename(r"^down_tr256\.ops\.([01])\.bn1\.", r"encoder.stages.2.\1.norm."),
    Rename(r"^down_tr512\.ops\.([01])\.conv1\.", r"encoder.stages.3.\1.conv."),
    Rename(r"^down_tr512\.ops\.([01])\.bn1\.", r"encoder.stages.3.\1.norm."),
    Rename(r"^up_tr256\.up_conv\.", "decoder.ups.0."),
    Rename(r"^up_tr256\.ops\.([01])\.conv1\.", r"decoder.stages.0.\1.conv."),
    Rename(r"^up_tr256\.ops\.([01])\.bn1\.", r"decoder.stages.0.\1.norm."),
    Rename(r"^up_tr128\.up_conv\.", "decoder.ups.1."),
    Rename(r"^up_tr128\.ops\.([01])\.conv1\.", r"decoder.stages.1.\1.conv."),
    Rename(r"^up_tr128\.ops\.([01])\.bn1\.", r"decoder.stages.1.\1.norm."),
    Rename(r"^up_tr64\.up_conv\.", "decoder.ups.2."),
    Rename(r"^up_tr64\.ops\.([01])\.conv1\.", r"decoder.stages.2.\1.conv."),
    Rename(r"^up_tr64\.ops\.([01])\.bn1\.", r"decoder.stages.2.\1.norm."),
    Rename(r"^out_tr\.final_conv\.", "head.restoration."),
)

# Keras tensors arrive with torch's leaf names and axes (weights/keras.py turns both).
UNET_KERAS_KEYS = (
    Rename(r"^depth_0_conv\.", "encoder.stages.0.0.conv."),
    Rename(r"^depth_0_bn\.", "encoder.stages.0.0.norm."),
    Rename(r"^depth_1_conv\.", "encoder.stages.0.1.conv."),
    Rename(r"^depth_1_bn\.", "encoder.stages.0.1.norm."),
    Rename(r"^depth_2_conv\.", "encoder.stages.1.0.conv."),
    Rename(r"^depth_2_bn\.", "encoder.stages.1.0.norm."),
    Rename(r"^depth_3_conv\.", "encoder.stages.1.1.conv."),
    Rename(r"^depth_3_bn\.", "encoder.stages.1.1.norm."),
    Rename(r"^depth_4_conv\.", "encoder.stages.2.0.conv."),
    Rename(r"^depth_4_bn\.", "encoder.stages.2.0.norm."),
    Rename(r"^depth_5_conv\.", "encoder.stages.2.1.conv."),
    Rename(r"^depth_5_bn\.", "encoder.stages.2.1.norm."),
    Rename(r"^depth_6_conv\.", "encoder.stages.3.0.conv."),
    Rename(r"^depth_6_bn\.", "encoder.stages.3.0.norm."),
    Rename(r"^depth_7_conv\.", "encoder.stages.3.1.conv."),
    Rename(r"^depth_7_bn\.", "encoder.stages.3.1.norm."),
    Rename(r"^depth_8_conv\.", "decoder.stages.0.0.conv."),
    Rename(r"^depth_8_bn\.", "decoder.stages.0.0.norm."),
    Rename(r"^depth_9_conv\.", "decoder.stages.0.1.conv."),
    Rename(r"^depth_9_bn\.", "decoder.stages.0.1.norm."),
    Rename(r"^depth_10_conv\.", "decoder.stages.1.0.conv."),
    Rename(r"^depth_10_bn\.", "decoder.stages.1.0.norm."),
    Rename(r"^depth_11_conv\.", "decoder.stages.1.1.conv."),
    Rename(r"^depth_11_bn\.", "decoder.stages.1.1.norm."),
    Rename(r"^depth_12_conv\.", "decoder.stages.2.0.conv."),
    Rename(r"^depth_12_bn\.", "decoder.stages.2.0.norm."),
    Rename(r"^depth_13_conv\.", "decoder.stages.2.1.conv."),
    Rename(r"^depth_13_bn\.", "decoder.stages.2.1.norm."),
    Rename(r"^(?:final_conv|conv3d(?:_\d+)?)\.", "head.restoration."),
)

NNUNET_KEYS = (
    Rename(r"^conv_blocks_context\.([0-4])\.blocks\.([01])\.conv\.", r"encoder.stages.\1.\2.conv."),
    Rename(
        r"^conv_blocks_context\.([0-4])\.blocks\.([01])\.instnorm\.",
        r"encoder.stages.\1.\2.norm.",
    ),
    Rename(r"^conv_blocks_context\.5\.([01])\.blocks\.0\.conv\.", r"encoder.stages.5.\1.conv."),
    Rename(r"^conv_blocks_context\.5\.([01])\.blocks\.0\.instnorm\.", r"encoder.stages.5.\1.norm."),
    Rename(r"^tu\.([0-4])\.", r"decoder.ups.\1."),
    Rename(
        r"^conv_blocks_localization\.([0-4])\.([01])\.blocks\.0\.conv\.",
        r"decoder.stages.\1.\2.conv.",
    ),
    Rename(
        r"^conv_blocks_localization\.([0-4])\.([01])\.blocks\.0\.instnorm\.",
        r"decoder.stages.\1.\2.norm.",
    ),
    Rename(r"^seg_outputs\.4\.", "head.restoration."),
    Rename(r"^seg_outputs\.([0-3])\.", r"decoder.deep_supervision.\1."),
)

BATCH_NOTE = (
    "The authors' network normalises with the statistics of the current batch even in eval mode, "
    "so its answer for one patient depends on the others in the batch. `norm='running'` (the "
    "default) uses the stored statistics and answers each image on its own; `norm='original'` is "
    "faithful to the authors; `norm='instance'` uses each image's own statistics."
)

ENTRIES = (
    Entry(
        name="models-genesis",
        family="models-genesis",
        method="models-genesis",
        ndim=3,
        architecture="genesis-unet",
        summary="3D U-Net of the PyTorch release, encoder and decoder, pre-trained on chest CT.",
        paper=PAPER,
        code=CODE,
        license=ASU_LICENSE_MODELS_GENESIS,
        inputs=CHEST_CT,
        location=Location(
            road="hub",
            address="MrGiovanni/ModelsGenesis",
            file="Genesis_Chest_CT.pt",
            known=("62de21a05236d6a8d8d5b03ec740f6ac6b818d15d3e86eed4f38a2a17d63cc08",),
        ),
        layouts=(Layout("PyTorch", UNET_KEYS, prefixes=("module.",), written_prefix="module."),),
        patents=PATENTS_GENESIS,
        patent_note=PATENT_NOTE,
        made_by="models-genesis",
        notes=(BATCH_NOTE,),
    ),
    Entry(
        name="models-genesis-keras",
        family="models-genesis",
        method="models-genesis",
        ndim=3,
        architecture="genesis-unet-keras",
        summary="3D U-Net of the Keras release: nearest up-sampling, running statistics.",
        paper=PAPER,
        code=CODE,
        license=ASU_LICENSE_MODELS_GENESIS,
        inputs=CHEST_CT,
        location=Location(
            road="hub", address="MrGiovanni/ModelsGenesis", file="Genesis_Chest_CT.h5"
        ),
        layouts=(Layout("Keras", UNET_KERAS_KEYS),),
        patents=PATENTS_GENESIS,
        patent_note=PATENT_NOTE,
        made_by="models-genesis-keras",
        notes=(
            "Keras and PyTorch releases are different networks: Keras up-samples by repeating "
            "voxels, PyTorch by learned transposed convolutions; neither file fits the other.",
        ),
    ),
    Entry(
        name="models-genesis-nnunet",
        family="models-genesis",
        method="models-genesis",
        ndim=3,
        architecture="genesis-nnunet",
        summary="The nnU-Net v1 form of Models Genesis (instance norm, strided convolutions).",
        paper=PAPER,
        code=CODE,
        license=ASU_LICENSE_MODELS_GENESIS,
        inputs=InputFacts(
            modality="ct",
            unit="HU",
            size=(64, 64, 32),
            multiple=(16, 32, 32),
            clip=(-1000.0, 1000.0),
            scale=False,
            mean=(-775.8457,),
            std=(251.9326,),
            note="Each volume is z-scored with the fixed mean and deviation of the corpus.",
        ),
        location=Location(
            road="hub",
            address="MrGiovanni/ModelsGenesis",
            file="genesis_nnunet_luna16_006.model",
        ),
        layouts=(Layout("nnU-Net v1", NNUNET_KEYS, prefixes=("module.",)),),
        patents=PATENTS_GENESIS,
        patent_note=PATENT_NOTE,
        made_by="models-genesis-nnunet",
        notes=(
            "The last pooling halves only the second and third axis: the authors chose it for "
            "(z, y, x) volumes but trained on (x, y, z) cubes.",
        ),
    ),
    Entry(
        name="models-genesis-mini",
        family="models-genesis",
        method="models-genesis",
        ndim=3,
        architecture="genesis-unet",
        summary="A small sibling, a quarter as wide, pre-trained by this project; ships inside.",
        paper=PAPER,
        code=CODE,
        license=CC_BY_SA_4,
        inputs=replace(CHEST_CT, size=(32, 32, 16)),
        location=Location(road="bundled"),
        width=0.25,
        patents=PATENTS_GENESIS,
        patent_note=PATENT_NOTE,
        made_by="models-genesis-mini",
        notes=(MINI,),
    ),
)
