"""Pictures: Grad-CAM against maps that are known, models left as they were, figures that hold."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import genesis_hub
from genesis_hub import BadInput, show
from genesis_hub.cli import main
from genesis_hub.data import read
from genesis_hub.data.phantoms import chest_ct, chest_xray
from genesis_hub.entry import Answers
from genesis_hub.gallery import draw
from genesis_hub.gallery.answers import answers_of
from genesis_hub.gallery.asked import Asked, whole
from genesis_hub.gallery.draw import cam
from genesis_hub.gallery.heat import channels_of, heat_of
from genesis_hub.infer.prepare import prepare
from genesis_hub.layers import last_stage, stages
from genesis_hub.show.planes import FRAME, planes_of, spacing_upright, upright
from genesis_hub.show.scans import slices_of
from genesis_hub.show.style import svg

pytest.importorskip("matplotlib")


class Known(nn.Module):
    """Convolution, mean over space, linear: what Grad-CAM gives can be written down."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        conv = nn.Conv2d if ndim == 2 else nn.Conv3d
        self.conv = conv(1, 3, kernel_size=3, padding=1)
        self.fc = nn.Linear(3, 4)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).flatten(2).mean(-1))


@pytest.mark.parametrize("sides", [(6, 5), (6, 5, 4)], ids=["2D", "3D"])
def test_gradcam_is_the_paper_s_formula(sides) -> None:
    model, x = Known(len(sides)), torch.randn(2, 1, *sides)
    found = show.gradcam(model, x, target=2, layer="conv")
    maps = model.conv(x).detach()
    # d fc[2] / d map = weight / places where the rectifier lets it through.
    weight = model.fc.weight[2].detach()
    gradient = (maps > 0) * weight.view(1, 3, *(1,) * len(sides)) / np.prod(sides)
    space = tuple(range(2, maps.ndim))
    wanted = torch.relu((gradient.mean(space, keepdim=True) * maps).sum(1))
    torch.testing.assert_close(found.map, wanted)
    assert found.targets == (2, 2)


def test_gradcam_asks_about_the_answer_where_no_class_is_given() -> None:
    model, x = Known(2), torch.randn(3, 1, 5, 5)
    assert show.gradcam(model, x, layer="conv").targets == tuple(model(x).argmax(1).tolist())


@pytest.mark.parametrize("ndim", [2, 3])
def test_gradcam_of_a_segmenter_sums_the_class_over_all_places(ndim: int) -> None:
    conv = nn.Conv2d if ndim == 2 else nn.Conv3d
    model = nn.Sequential(conv(1, 2, 3, padding=1), conv(2, 3, 1))
    x = torch.randn(1, 1, *(6,) * ndim)
    found = show.gradcam(model, x, target=1, layer="0")
    maps = model[0](x).detach()
    # Each place's logit has the 1x1 weight as its gradient by the map, whatever the place.
    weight = model[1].weight[1].detach().flatten().view(1, 2, *(1,) * ndim)
    torch.testing.assert_close(found.map, torch.relu((weight * maps).sum(1)))


def test_a_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), Head(4, 2))
    model.train()
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        show.gradcam(model, torch.randn(2, 1, 9, 9), layer="0")
        show.activations(model, torch.randn(2, 1, 9, 9), layer="0")
    assert model.training
    assert not model[1].training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(not module._forward_hooks for module in model.modules())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


class Head(nn.Module):
    """Mean over space and a linear layer, which can be made to fail."""

    def __init__(self, channels: int, classes: int, *, broken: bool = False) -> None:
        super().__init__()
        self.fc, self.broken = nn.Linear(channels, classes), broken

    def forward(self, x):
        if self.broken:
            raise RuntimeError("no")
        return self.fc(x.mean((2, 3)))


def test_hooks_go_and_modes_come_back_when_the_model_fails() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), Head(4, 2, broken=True)).train()
    with pytest.raises(RuntimeError, match="no"):
        show.gradcam(model, torch.randn(1, 1, 9, 9), layer="0")
    assert model.training
    assert all(not module._forward_hooks for module in model.modules())


def test_frozen_weights_are_looked_through() -> None:
    model = Known(2).requires_grad_(False)
    assert show.gradcam(model, torch.randn(1, 1, 8, 8), target=0).map.shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("name", "wishes", "shape", "layer"),
    [
        ("adam-resnet50", {"num_classes": 2}, (1, 3, 128, 96), "layer4"),
        ("models-genesis", {"num_classes": 2}, (1, 1, 32, 32, 32), "encoder.stages.3"),
        (
            "models-genesis", {"num_classes": 2, "task": "segmentation"},
            (1, 1, 32, 32, 32), "encoder.stages.3",
        ),
        (
            "adam-resnet50", {"num_classes": 3, "task": "segmentation"},
            (1, 3, 64, 64), "encoder.model.layer3",
        ),
    ],
)  # fmt: skip
def test_the_last_stage_is_found_in_our_models(name, wishes, shape, layer) -> None:
    model = genesis_hub.create_model(name, width=0.125, **wishes).eval()
    x = torch.rand(shape)
    assert last_stage(model, x) == layer
    heat = show.gradcam(model, x, target=1)
    assert heat.map.shape == (1, *shape[2:])
    assert heat.layer == layer


class BySlices(nn.Module):
    """A 2D encoder on a volume's slices, two at a time; then the sum over all, weighed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1))
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        slices = x[0].movedim(-1, 0).split(2)
        return self.fc(torch.cat([self.encoder(some) for some in slices]).sum((0, 2, 3)))[None]


def test_slices_that_an_encoder_sees_one_by_one_make_one_map() -> None:
    model, x = BySlices(), torch.randn(1, 1, 6, 5, 5)
    found = show.gradcam(model, x, target=1)
    assert found.layer == "encoder.0"
    maps = torch.stack([model.encoder(x[..., z])[0] for z in range(5)], -1).detach()
    weight = model.fc.weight[1].detach().view(3, 1, 1, 1)
    torch.testing.assert_close(found.map[0], torch.relu((weight * maps).sum(0)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"layer": "con"}, "close names: conv"),
        ({"layer": "fc"}, "no feature map"),
        ({"target": 4, "layer": "conv"}, "4 classes"),
    ],
)
def test_what_cannot_be_asked_is_refused(words, said) -> None:
    with pytest.raises(BadInput, match=said):
        show.gradcam(Known(2), torch.randn(1, 1, 6, 6), **words)


def test_slices_lie_as_radiologists_look_at_them() -> None:
    volume = np.zeros((20, 20, 20))
    volume[19, 0, 10] = 1  # Of "RAS": the patient's right is at index 0, so this is left, back.
    seen = upright(volume, "RAS")
    (axial, *_) = planes_of(seen, seen)
    assert (axial.name, axial.letters) == ("axial", ("R", "L", "A", "P"))
    row, column = np.argwhere(axial.of(seen))[0]
    assert (row, column) == (19, 0) or FRAME != "LPI"


def test_an_axis_keeps_its_spacing_when_it_is_turned() -> None:
    assert spacing_upright((1.0, 2.0, 3.0), "SLA") == (2.0, 3.0, 1.0)


def test_thick_slices_are_shown_in_their_own_plane() -> None:
    volume = np.zeros((40, 40, 20))
    volume[10:20, 10:20, 5:9] = 1
    shown = planes_of(volume, volume, spacing=(1, 1, 5))
    assert {plane.name for plane in shown} == {"axial"}
    assert all(4 <= plane.index <= 9 for plane in shown)
    assert {plane.name for plane in planes_of(volume)} == {"axial", "coronal", "sagittal"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_picture_says_its_axes_and_takes_any_name(dark: bool) -> None:
    draw = np.random.default_rng(0)
    truths = draw.integers(0, 2, 60)
    shares = np.clip(truths * 0.3 + draw.random(60) * 0.7, 0, 1)
    name = "$\\frac{ <b>_x"
    one = {name: (shares, truths)}
    made = [show.roc, show.reliability] if dark else [show.precision_recall]
    figures = [draw_one(one, dark=dark) for draw_one in made]
    if dark:
        figures.append(show.confusion(np.eye(2, dtype=int), [name, "b"], dark=True))
        figures.append(show.plane(draw.random((12, 2)), ["a", name] * 6, dark=True))
    else:
        figures.append(show.curves({name: ([1, 2], [0.5, float("nan")])}, y="loss"))
        figures.append(show.strip({name: [0.5, float("nan")]}, y="Dice"))
    for figure in figures:
        axes = figure.axes[0]
        assert axes.get_ylabel()
        assert axes.get_xlabel() or axes.get_xticklabels()
        text = svg(figure, follow=not dark).decode()
        assert "<b>" not in text
        assert ("prefers-color-scheme" in text) == (not dark)


def test_ink_on_colours_stays_when_the_page_turns_dark() -> None:
    text = svg(show.confusion(np.array([[9, 1], [1, 9]]), ["a", "b"])).decode()
    assert "fill: #fefefe" in text
    assert "#ffffff" not in text.split("</style>", 1)[1]


def test_overlays_hold_volumes_and_pictures() -> None:
    phantom = chest_ct(0, size=(30, 28, 26))
    lungs = phantom.masks["lungs"].astype(np.uint8)
    masks = {"truth": lungs, "prediction": lungs * 0}
    heats = {"for lungs": lungs.astype(np.float32)}
    scan = show.Scan(phantom.image[0], masks, heats, (4.0, 4.0, 5.0), "LPS")
    figure = show.overlay(scan, classes=["background", "lungs"], title="case")
    assert sum(bool(axes.images) for axes in figure.axes) >= 12
    film = chest_xray(0, size=(40, 36)).image[0]
    assert show.png(show.overlay(show.Scan(film)))[:4] == b"\x89PNG"
    assert show.webp(show.channels(film, np.random.rand(5, 4, 4)))[:4] == b"RIFF"
    with pytest.raises(BadInput, match="truth"):
        show.overlay(show.Scan(film, {"truth": lungs}))


@pytest.mark.parametrize("cases", [1, 3, 5])
def test_tsne_takes_few_cases_and_is_the_same_every_time(cases: int) -> None:
    features = np.random.default_rng(0).random((cases, 9))
    places = show.tsne(features, seed=3)
    assert places.shape == (cases, 2)
    assert np.isfinite(places).all()
    np.testing.assert_array_equal(places, show.tsne(features, seed=3))


def test_tsne_takes_cases_that_are_all_alike() -> None:
    assert np.isfinite(show.tsne(np.ones((8, 5)))).all()


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(BadInput, match=r"genesis-hub\[show\]"):
        show.curves({"loss": ([1], [1.0])}, y="loss")


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    import PIL.Image

    root = tmp_path_factory.mktemp("films")
    for seed in range(4):
        label = ["normal", "effusion"][seed % 2]
        pixels = chest_xray(seed, size=(40, 40), finding="effusion" if seed % 2 else False).image[0]
        (root / label).mkdir(exist_ok=True)
        PIL.Image.fromarray(pixels).save(root / label / f"{seed}.png")
    return root


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> Path:
    model = genesis_hub.create_model("adam-resnet50", width=0.125, num_classes=2)
    return model.save_pretrained(tmp_path_factory.mktemp("model") / "m")


def test_the_command_draws_a_picture_of_each_image(films, classifier, tmp_path, capsys) -> None:
    (films / "effusion" / "broken.png").write_bytes(b"no picture")
    words = ["show", str(classifier), str(films), "--quiet", "--class", "1"]
    assert main([*words, "--out", str(tmp_path / "cam")]) == 1
    made = sorted(path.name for path in (tmp_path / "cam").iterdir())
    assert made == [f"{seed}_gradcam.png" for seed in range(4)] + ["failures.csv"]
    (films / "effusion" / "broken.png").unlink()
    words = ["show", str(classifier), str(films), "--quiet", "--kind", "tsne"]
    words += ["--labels", str(films), "--out", str(tmp_path / "tsne")]
    assert main(words) == 0
    table = (tmp_path / "tsne" / "tsne.csv").read_text().splitlines()
    assert sorted(line.split(",")[2] for line in table[1:]) == ["effusion"] * 2 + ["normal"] * 2


def test_the_command_draws_the_channels_of_a_volume(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    phantom = chest_ct(0, size=(40, 36, 24))
    nibabel.save(nibabel.Nifti1Image(phantom.image[0], phantom.affine), tmp_path / "a.nii.gz")
    model = genesis_hub.create_model("models-genesis", width=0.0625, num_classes=2)
    saved = model.save_pretrained(tmp_path / "m")
    for kind in ("activations", "gradcam"):
        words = ["show", str(saved), str(tmp_path / "a.nii.gz"), "--kind", kind, "--quiet"]
        assert main([*words, "--out", str(tmp_path / "out")]) == 0
        assert (tmp_path / "out" / f"a_{kind}.png").stat().st_size > 1000


def ready_of(model, phantom, folder: Path):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(phantom.image[0], phantom.affine), folder / "a.nii.gz")
    return prepare(read(folder / "a.nii.gz"), model.inputs, check=False)


def words_of(figure) -> str:
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    titles = [axes.get_title() for axes in figure.axes] + [figure.get_suptitle()]
    return " | ".join([*titles, *texts])


def test_a_slice_of_a_volume_says_which_it_is_and_whose_sides_are_where(tmp_path: Path) -> None:
    phantom = chest_ct(0, size=(40, 36, 24))
    flat = genesis_hub.create_model("adam-resnet50", width=0.125, num_classes=2)
    flat.answers = Answers(("0", "1"), False)
    ready = ready_of(flat, phantom, tmp_path)
    said = words_of(cam(flat, ready, torch.device("cpu"), None, None))
    assert "seen one by one: the one that speaks most" in said
    assert "axial |" in said
    assert "' is given " in said
    for letter in "RLAP":
        assert f"| {letter}" in said
    for model in (flat, genesis_hub.create_model("models-genesis", width=0.0625, num_classes=2)):
        one = channels_of(model, ready_of(model, phantom, tmp_path), torch.device("cpu"))
        assert re.fullmatch(r"axial, slice \d+ of 24", one.name)
        assert one.letters == ("R", "L", "A", "P")
        assert one.grey.shape == (36, 40)
        drawn = words_of(show.channels(one.grey, one.maps, name=one.name, letters=one.letters))
        assert one.name in drawn


def test_what_a_segmenter_answered_is_outlined_where_it_lies(tmp_path: Path) -> None:
    phantom = chest_ct(0, size=(24, 24, 24))
    model = genesis_hub.create_model(
        "models-genesis", task="segmentation", num_classes=2, width=0.0625
    )
    seen = heat_of(model, ready_of(model, phantom, tmp_path), torch.device("cpu"))
    assert set(np.unique(seen.masks["prediction"])) <= {0, 1}
    assert seen.masks["prediction"].shape == seen.heat.shape
    corner = np.zeros((24, 24, 24), np.uint8)
    corner[2:5, 2:5, 2:5] = 1
    scan = show.Scan(phantom.image[0], {"prediction": corner}, {"for it": 1.0 - corner})
    assert all(2 <= plane.index < 5 or 18 < plane.index < 22 for plane in slices_of(scan, 3))


def test_the_kept_step_is_named_inside_the_picture() -> None:
    for at, side in ((1, "left"), (40, "right")):
        figure = show.curves({"auc": (range(41), range(41))}, y="auc", best=(at, "weights kept"))
        (said,) = figure.axes[0].texts
        assert said.get_horizontalalignment() == side


def test_long_names_leave_curves_their_room() -> None:
    for names in (["training", "validation", "the mean as the answer"], ["x" * 28, "y" * 28]):
        figure = show.curves({name: ([1, 2], [1.0, 0.5]) for name in names}, y="loss")
        show.png(figure)
        assert figure.axes[0].get_position().width > 0.7
        legend = figure.axes[0].get_legend().get_window_extent()
        assert legend.x1 <= figure.bbox.width


def test_one_image_is_no_tsne(films: Path, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is 1; give 4 or more"):
        draw(classifier, films / "normal" / "0.png", tmp_path / "out", kind="tsne")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "saliency"], "gradcam, activations, stages, answers, tsne"),
        (["--class", "7"], "no class of this model"),
        (["--labels", "x.csv"], "colour a t-SNE"),
    ],
)
def test_the_command_refuses_what_it_cannot_draw(words, said, films, classifier, tmp_path, capsys):
    call = ["show", str(classifier), str(films), "--out", str(tmp_path / "out"), "--quiet"]
    assert main([*call, *words]) == 2
    assert said in capsys.readouterr().err


def test_a_name_without_classes_has_no_gradcam(films: Path, tmp_path: Path) -> None:
    model = genesis_hub.create_model("adam-resnet50", width=0.125)
    with pytest.raises(BadInput, match="'activations', 'stages', 'tsne'"):
        draw(model, films, tmp_path / "out")


@pytest.mark.parametrize("sides", [(6, 5), (6, 5, 4)], ids=["2D", "3D"])
def test_an_activation_map_is_the_channels_mean_magnitude_from_0_to_1(sides) -> None:
    model, x = Known(len(sides)), torch.randn(2, 1, *sides)
    ((name, (strength, own)),) = show.activation_maps(model, x).items()
    assert (name, own) == ("conv", sides)
    mean = model.conv(x).detach().abs().mean(1).flatten(1)
    low, high = mean.amin(1, keepdim=True), mean.amax(1, keepdim=True)
    torch.testing.assert_close(strength.flatten(1), (mean - low) / (high - low))
    assert not model.conv._forward_hooks


def test_slices_seen_one_by_one_make_one_activation_map() -> None:
    model, x = BySlices(), torch.randn(1, 1, 6, 5, 5)
    ((strength, own),) = show.activation_maps(model, x).values()
    assert strength.shape == (1, 6, 5, 5)
    assert own == (6, 5, 5)


def test_stages_of_our_encoders_are_found_from_fine_to_coarse() -> None:
    model = genesis_hub.create_model("models-genesis", width=0.0625)
    assert stages(model, torch.rand(1, 1, 32, 32, 32)) == [f"encoder.stages.{k}" for k in range(4)]
    flat = genesis_hub.create_model("adam-resnet50", width=0.0625)
    found = stages(flat, torch.rand(1, 3, 128, 128))
    assert found[-4:] == ["layer1", "layer2", "layer3", "layer4"]


@pytest.fixture(scope="module")
def smart(tmp_path_factory) -> Path:
    """A published network with its heads, on small slices, as pre-training leaves it."""
    model = genesis_hub.create_model(
        "smartnet-resnet50", task="pretext", width=0.0625, range=(0.0, 255.0)
    )
    facts = replace(model.entry.inputs, size=(32, 32))
    model.entry = replace(model.entry, inputs=facts)
    model.inputs = replace(model.inputs, facts=facts)
    return model.save_pretrained(tmp_path_factory.mktemp("smart") / "m")


@pytest.fixture(scope="module")
def marked(films, tmp_path_factory) -> Path:
    """The films with masks: a square in every other one."""
    import PIL.Image

    root = tmp_path_factory.mktemp("marked")
    for path in sorted(films.rglob("?.png")):
        mask = np.zeros((40, 40), np.uint8)
        mask[8:20, 8:20] = 255 * (int(path.stem) % 2)
        for part, image in (("images", PIL.Image.open(path)), ("masks", PIL.Image.fromarray(mask))):
            (root / part).mkdir(exist_ok=True)
            image.save(root / part / path.name)
    return root


def test_a_published_network_is_drawn_with_all_it_answers(smart, marked, tmp_path) -> None:
    ready = prepare(
        read(marked / "images" / "1.png"), whole(smart, modality=None, range=None).inputs
    )
    model = genesis_hub.from_pretrained(smart)
    truth = np.zeros((40, 40), np.uint8)
    truth[8:20, 8:20] = 1
    scan, classes, said = answers_of(model, ready, torch.device("cpu"), truth)
    assert list(scan.masks) == ["truth", "answer"]
    assert list(scan.beside) == ["restored"]
    assert scan.beside["restored"].shape == scan.image.shape == (40, 40)
    assert 0 <= scan.image.min() <= scan.image.max() <= 1  # As the network takes it.
    assert classes[1] == "lesion"
    assert re.fullmatch(r"lesion: \d+%", said)
    for kind in ("gradcam", "answers"):
        labels = marked if kind == "answers" else None
        done = draw(smart, marked / "images", tmp_path, kind=kind, labels=labels, quiet=True)
        assert (done.done, done.failed) == (4, {})


def test_the_published_head_alone_is_asked_by_gradcam(smart: Path) -> None:
    model = genesis_hub.from_pretrained(smart)
    x = torch.rand(1, 1, 64, 64)
    asked = Asked(model, "classification").eval()
    with torch.no_grad():
        torch.testing.assert_close(asked(x), model(x)["classification"])
    assert show.gradcam(asked, x).layer == "encoder.layer4"


def test_masks_colour_a_tsne_upstream(smart, marked, tmp_path) -> None:
    draw(smart, marked / "images", tmp_path, kind="tsne", labels=marked, quiet=True)
    table = (tmp_path / "tsne.csv").read_text().splitlines()
    assert sorted(line.split(",")[2] for line in table[1:]) == ["marked"] * 2 + ["not marked"] * 2


def test_what_learned_nothing_is_not_drawn(smart: Path) -> None:
    model = genesis_hub.from_pretrained(smart)
    model.provenance = {"untrained": ["head.classification", "head.segmentation"]}
    with pytest.raises(BadInput, match="learned nothing: it was not among the tasks"):
        Asked(model, "classification")


def test_a_classifier_has_no_answers_to_outline(classifier, films, tmp_path) -> None:
    with pytest.raises(BadInput, match="choose from gradcam, activations, stages, tsne"):
        draw(classifier, films, tmp_path, kind="answers")
