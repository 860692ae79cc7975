"""Adam and Adam-v2 (Hosseinzadeh Taher et al. 2023, 2024): anatomy learned from chest X-rays."""

from dataclasses import replace

from genesis_hub.catalog.terms import ASU_LICENSE_ADAM, CC_BY_4, MINI, PATENT_PENDING_ADAM
from genesis_hub.entry import Entry, InputFacts, Layout, Location, Paper, Rename

ADAM = Paper(
    title="Towards Foundation Models Learned from Anatomy in Medical Imaging via Self-Supervision",
    authors="Hosseinzadeh Taher, Gotway, Liang",
    venue="MICCAI-DART 2023",
    year=2023,
    url="https://arxiv.org/abs/2309.15358",
)
ADAM_V2 = Paper(
    title="Representing Part-Whole Hierarchies in Foundation Models by Learning Localizability, "
    "Composability, and Decomposability from Anatomy via Self-Supervision",
    authors="Hosseinzadeh Taher, Gotway, Liang",
    venue="CVPR 2024",
    year=2024,
    url="https://arxiv.org/abs/2404.15672",
)

CODE = "https://github.com/MR-HosseinzadehTaher/Eden"

CHEST_XRAY = InputFacts(
    modality="xray",
    unit="grey values 0 to 255, repeated over three channels",
    size=(224, 224),
    multiple=(1, 1),
    channels=3,
    clip=(0.0, 255.0),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

PROJECTOR = "MoCo projector; published models are fine-tuned without it"
KEY_ENCODER = "momentum copy; the query encoder is the one that is published"

RESNET_KEYS = (
    Rename(r"^(conv1|bn1|layer[1-4])\.", r"encoder.\1."),
    Rename(r"^fc\.", None, PROJECTOR),
    Rename(r"^(?:module\.)?encoder_k\.", None, KEY_ENCODER),
    Rename(r"^(?:module\.)?queue(?:_ptr)?$", None, "queue of negatives of the pre-training"),
)

RESNET_PREFIXES = ("module.", "backbone.", "encoder.", "encoder_q.")
CONVNEXT_PREFIXES = ("module.", "teacher.", "module.", "backbone.", "encoder.")

DINO_HEAD = "projection head of the self-distillation"
PART_WHOLE_HEAD = "part-whole head of the pre-training"

# Both spellings occur: the ConvNeXt authors' (downsample_layers, dwconv, pwconv) and timm's.
CONVNEXT_KEYS = (
    Rename(r"^downsample_layers\.0\.0\.", "encoder.stem.0."),
    Rename(r"^downsample_layers\.0\.1\.", "encoder.stem.1."),
    Rename(r"^downsample_layers\.([1-3])\.([01])\.", r"encoder.stages.\1.downsample.\2."),
    Rename(r"^stages\.([0-3])\.(\d+)\.dwconv\.", r"encoder.stages.\1.blocks.\2.conv_dw."),
    Rename(r"^stages\.([0-3])\.(\d+)\.pwconv1\.", r"encoder.stages.\1.blocks.\2.mlp.fc1."),
    Rename(r"^stages\.([0-3])\.(\d+)\.pwconv2\.", r"encoder.stages.\1.blocks.\2.mlp.fc2."),
    Rename(r"^stages\.([0-3])\.(\d+)\.(norm\.|gamma$)", r"encoder.stages.\1.blocks.\2.\3"),
    Rename(r"^norm\.", "encoder.head.norm."),
    Rename(r"^(stem\.|stages\.[0-3]\.(?:blocks|downsample)\.)", r"encoder.\1"),
    Rename(r"^head\.norm\.", "encoder.head.norm."),
    Rename(r"^head\.(?:mlp|last_layer)\.", None, DINO_HEAD),
    Rename(r"^head\.(?:fc\.)?(?:weight|bias)$", None, "classifier of another data set"),
    Rename(r"^(?:compose|decompose)_head\.", None, PART_WHOLE_HEAD),
    Rename(r"^student\.", None, "the student; the teacher is the one that is published"),
)

ENTRIES = (
    Entry(
        name="adam-resnet50",
        family="adam",
        method="adam",
        ndim=2,
        architecture="resnet50",
        summary="ResNet-50 that learned chest anatomy from coarse to fine on ChestX-ray14.",
        paper=ADAM,
        code=CODE,
        license=ASU_LICENSE_ADAM,
        inputs=CHEST_XRAY,
        location=Location(
            road="form",
            address="https://docs.google.com/forms/d/e/"
            "1FAIpQLSdHcnN6mLUEXebezyQZh3wE3u1RNtBBOpvjbQA8MNXXr9hdHQ/viewform",
        ),
        layouts=(Layout("Adam", RESNET_KEYS, RESNET_PREFIXES, task="features", wrapper=""),),
        patent_note=PATENT_PENDING_ADAM,
        made_by="adam",
    ),
    Entry(
        name="adam-v2-convnext-base",
        family="adam",
        method="adam",
        ndim=2,
        architecture="convnext_base",
        summary="ConvNeXt-B that learned parts and wholes from thirteen public X-ray sets.",
        paper=ADAM_V2,
        code=CODE,
        license=ASU_LICENSE_ADAM,
        inputs=CHEST_XRAY,
        location=Location(
            road="form",
            address="https://docs.google.com/forms/d/e/"
            "1FAIpQLSfNcTuWOKte0ZZUckBdXzcnI4HlaZ5uRVyrHQWXqh-gWxBVgA/viewform",
        ),
        layouts=(
            Layout("Adam-v2", CONVNEXT_KEYS, CONVNEXT_PREFIXES, task="features", wrapper="teacher"),
        ),
        patent_note=PATENT_PENDING_ADAM,
        made_by="adam-v2",
        notes=(
            "The final layer norm belongs to the encoder and is kept; the authors' own loading "
            "code drops it.",
        ),
    ),
    Entry(
        name="adam-mini",
        family="adam",
        method="adam",
        ndim=2,
        architecture="resnet50",
        summary="A small sibling, a quarter as wide, pre-trained by this project; ships inside.",
        paper=ADAM,
        code=CODE,
        license=CC_BY_4,
        inputs=replace(CHEST_XRAY, size=(96, 96)),
        location=Location(road="bundled"),
        width=0.25,
        patent_note=PATENT_PENDING_ADAM,
        made_by="adam-mini",
        notes=(MINI,),
    ),
)
