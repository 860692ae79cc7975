"""Licences and patents that several families share: facts, addresses, no licence text."""

from genesis_hub.entry import License

_ASU_SUMMARY = (
    "academic and other non-commercial research only; revocable; passing the weights on needs "
    "the licence text, the notices and a NOTICE of changes; commercial use needs a separate "
    "written agreement with Arizona State University"
)

ASU_LICENSE_MODELS_GENESIS = License(
    name="ASU GitHub Project License (Tech ID M19-252LC)",
    url="https://github.com/MrGiovanni/ModelsGenesis/blob/master/LICENSE",
    notice=True,
    summary=_ASU_SUMMARY,
)
ASU_LICENSE_SEMANTIC_GENESIS = License(
    name="ASU GitHub Project License (Tech ID M20-239L)",
    url="https://github.com/fhaghighi/SemanticGenesis/blob/master/LICENSE",
    notice=True,
    summary=_ASU_SUMMARY,
)
ASU_LICENSE_TRANSVW = License(
    name="ASU GitHub Project License (Tech ID M21-170L)",
    url="https://github.com/fhaghighi/TransVW/blob/master/LICENSE",
    notice=True,
    summary=_ASU_SUMMARY,
)
ASU_LICENSE_ADAM = License(
    name="ASU GitHub Project License (Tech ID M23-208L)",
    url="https://github.com/MR-HosseinzadehTaher/Eden/blob/main/LICENSE",
    notice=True,
    summary=_ASU_SUMMARY,
)
APACHE_2 = License(
    name="Apache-2.0",
    url="https://www.apache.org/licenses/LICENSE-2.0",
    spdx="Apache-2.0",
    redistributable=True,
    commercial=True,
    summary="weights made with this repository's code are their maker's to license",
)
CC_BY_4 = License(
    name="CC BY 4.0",
    url="https://creativecommons.org/licenses/by/4.0/",
    spdx="CC-BY-4.0",
    redistributable=True,
    commercial=True,
    summary="trained by this project on images free to use with attribution; the card names them",
)
CC_BY_SA_4 = License(
    name="CC BY-SA 4.0",
    url="https://creativecommons.org/licenses/by-sa/4.0/",
    spdx="CC-BY-SA-4.0",
    redistributable=True,
    commercial=True,
    summary="trained by this project, partly on images under CC BY-SA, whose terms they keep",
)
MIT_SMART_NET = License(
    name="MIT",
    url="https://github.com/babbu3682/SMART-Net/blob/main/LICENSE",
    spdx="MIT",
    redistributable=True,
    commercial=True,
    summary="the authors' code is MIT; no weights were published",
)

PATENTS_GENESIS = ("US 11,922,628 B2",)
PATENTS_SEMANTIC = ("US 11,763,952 B2",)
PATENTS_TRANSVW = ("US 12,277,687 B2", "US 12,469,315 B2")

PATENT_NOTE = (
    "Granted patents can cover an independent implementation and its use, whatever the licence "
    "of the code. This is a plain notice, not legal advice."
)
PATENT_PENDING_ADAM = (
    "The authors state that patents covering the content of the paper are pending. This is a "
    "plain notice, not legal advice."
)
PATENT_PENDING_SMART_NET = (
    "The authors' README calls the method patent-pending technology. This is a plain notice, "
    "not legal advice."
)

# What is true of all weights that ship; what they are worth is read from a results file.
MINI = (
    "To try things offline and to teach with: it saw far fewer images than published weights do. "
    "What was measured of it stands under What it is worth; where that is missing nothing was, "
    "and no gain may be assumed."
)
