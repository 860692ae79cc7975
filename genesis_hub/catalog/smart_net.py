"""SMART-Net (Kyung et al. 2022): head-CT slices classified, segmented and restored at once."""

from dataclasses import replace

from genesis_hub.catalog.terms import CC_BY_SA_4, MINI, MIT_SMART_NET, PATENT_PENDING_SMART_NET
from genesis_hub.entry import Entry, InputFacts, Layout, Location, Paper, Rename

PAPER = Paper(
    title="Improved performance and robustness of multi-task representation learning with "
    "consistency loss between pretexts for intracranial hemorrhage identification in head CT",
    authors="Kyung, Shin, Jeong, Kim, Park, Cho, Lee, Hong, Kim",
    venue="Medical Image Analysis (2022)",
    year=2022,
    url="https://www.sciencedirect.com/science/article/pii/S1361841522001360",
)

CODE = "https://github.com/babbu3682/SMART-Net"

ENCODER = Rename(r"^encoder\.(conv1|bn1|layer[1-4])\.", r"encoder.\1.")

# Version 1 of the code is the paper's; version 0 differs in names.
UPSTREAM_V1 = (
    ENCODER,
    Rename(r"^seg_decoder\.", "decoder.segmentation."),
    Rename(r"^rec_decoder\.", "decoder.reconstruction."),
    Rename(r"^classification_head\.3\.", "head.classification.fc."),
    Rename(r"^segmentation_head\.0\.", "head.segmentation."),
    Rename(r"^reconstruction_head\.0\.", "head.reconstruction."),
)
UPSTREAM_V0 = (
    ENCODER,
    Rename(r"^decoder\.", "decoder.segmentation."),
    Rename(r"^recon_decoder\.", "decoder.reconstruction."),
    Rename(r"^classification_head\.3\.", "head.classification.fc."),
    Rename(r"^segmentation_head\.0\.", "head.segmentation."),
    Rename(r"^recon_head\.0\.", "head.reconstruction."),
)
LSTM_V1 = (
    ENCODER,
    Rename(r"^LSTM\.", "operator.lstm."),
    Rename(r"^fc\.", "operator.hidden."),
    Rename(r"^head\.", "head."),
)
LSTM_V0 = (
    ENCODER,
    Rename(r"^LSTM\.", "operator.lstm."),
    Rename(r"^linear1\.", "operator.hidden."),
    Rename(r"^fc\.", "head."),
)
OPERATOR_3D = (
    Rename(r"^conv1\.", "operator.0.conv."),
    Rename(r"^bn1\.", "operator.0.norm."),
    Rename(r"^conv2\.", "operator.1.conv."),
    Rename(r"^bn2\.", "operator.1.norm."),
    Rename(r"^head\.", "head."),
)
CONV3D_V1 = (ENCODER, Rename(r"^seg_decoder\.", "decoder.segmentation."), *OPERATOR_3D)
CONV3D_V0 = (ENCODER, Rename(r"^decoder\.", "decoder.segmentation."), *OPERATOR_3D)

PREFIXES = ("module.",)
WRAPPER = "model_state_dict"

LAYOUTS = (
    Layout("upstream v1", UPSTREAM_V1, PREFIXES, wrapper=WRAPPER),
    Layout("upstream v0", UPSTREAM_V0, PREFIXES, wrapper=WRAPPER),
    Layout(
        "volume classification v1", LSTM_V1, PREFIXES, "classification", "lstm", wrapper=WRAPPER
    ),
    Layout(
        "volume classification v0", LSTM_V0, PREFIXES, "classification", "lstm", wrapper=WRAPPER
    ),
    Layout(
        "volume segmentation v1", CONV3D_V1, PREFIXES, "segmentation", "conv3d", wrapper=WRAPPER
    ),
    Layout(
        "volume segmentation v0", CONV3D_V0, PREFIXES, "segmentation", "conv3d", wrapper=WRAPPER
    ),
)

HEAD_CT = InputFacts(
    modality="ct",
    unit="HU",
    size=(256, 256),
    multiple=(16, 16),
    clip=(0.0, 80.0),
    note="Brain window (width 80, level 40). The authors also equalise each slice's "
    "contrast (CLAHE) before scaling; `model.inputs` leaves that to the caller.",
)

ENTRIES = (
    Entry(
        name="smartnet-resnet50",
        family="smart-net",
        method="smart-net",
        ndim=2,
        architecture="smartnet",
        summary="ResNet-50 with a stride-1 stem and three heads for slices of head CT.",
        paper=PAPER,
        code=CODE,
        license=MIT_SMART_NET,
        inputs=HEAD_CT,
        location=Location(road="none"),
        layouts=LAYOUTS,
        pretext_classes=1,
        patent_note=PATENT_PENDING_SMART_NET,
        made_by="smart-net",
        notes=(
            "The stem convolution has stride 1, so every map is twice as large as a stock "
            "ResNet-50's. The stride cannot be seen in the tensors: plain timm would give other "
            "features from the same file, so our folders carry no timm `architecture`, and plain "
            "timm refuses them.",
            "The download link in the authors' README is another project's 3D U-Net; no weights "
            "of SMART-Net were ever published.",
        ),
    ),
    Entry(
        name="smartnet-mini",
        family="smart-net",
        method="smart-net",
        ndim=2,
        architecture="smartnet",
        summary="A small sibling, three sixteenths as wide, trained by this project; ships inside.",
        paper=PAPER,
        code=CODE,
        license=CC_BY_SA_4,
        inputs=replace(
            HEAD_CT,
            size=(64, 64),
            note="Brain window (width 80, level 40). Pictures that are windowed already, as most "
            "published ones are, and MRI want range=(lo, hi) with what shall be black and white.",
        ),
        location=Location(road="bundled"),
        pretext_classes=1,
        width=0.1875,
        patent_note=PATENT_PENDING_SMART_NET,
        made_by="smartnet-mini",
        notes=(MINI,),
    ),
)
