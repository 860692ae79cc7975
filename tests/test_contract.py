"""What every model promises, for every name and every task."""

import copy
import io
import pickle
from pathlib import Path

import pytest
import torch

import genesis_hub
from genesis_hub.errors import BadInput
from tests.matrix import Case, answers, cases

every = pytest.mark.parametrize("case", cases(), ids=str)
# Names that differ in facts only share their networks; one of each is enough for slow promises.
REPEATED = ("transvw", "rotation-", "rpl-", "jigsaw-", "exemplar-", "semantic-genesis-keras")
some = pytest.mark.parametrize(
    "case",
    [c for c in cases() if not c.name.startswith(REPEATED) and c.label != "mlp"],
    ids=str,
)


@every
def test_builds_and_answers_with_its_task(case: Case) -> None:
    model, x = case.build(), case.input()
    with torch.inference_mode():
        output = model(x)
    wishes = case.wishes
    if wishes.get("task") == "pretext":
        assert isinstance(output, dict)
    elif wishes.get("features_only"):
        assert isinstance(output, list)
        assert [m.shape[1] for m in output] == model.feature_info.channels()
    elif "segment" in case.label or case.label == "conv3d":
        assert output.shape == (2, wishes["num_classes"], *x.shape[2:])
    else:
        assert output.shape == (2, wishes.get("num_classes") or model.num_features)
    assert all(torch.isfinite(answer).all() for answer in answers(output))


@every
def test_every_parameter_gets_a_gradient(case: Case) -> None:
    model = case.build().train()
    sum(answer.float().square().mean() for answer in answers(model(case.input()))).backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert without == []


@every
def test_a_saved_model_comes_back_bit_for_bit(case: Case, tmp_path: Path) -> None:
    model = case.build()
    again = genesis_hub.from_pretrained(model.save_pretrained(tmp_path / "model"))
    ours, theirs = model.state_dict(), again.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert type(again).__name__ == type(model).__name__
    assert again.spec == model.spec
    assert again.load_report.coverage == 1.0
    assert again.load_report.initialised == again.load_report.ignored == ()
    x = case.input()
    with torch.inference_mode():
        pairs = zip(answers(model(x)), answers(again(x)), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@some
def test_copies_and_pickles(case: Case) -> None:
    model, x = case.build(), case.input()
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    copies = (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        torch.load(file, weights_only=False),
    )
    with torch.inference_mode():
        want = answers(model(x))
        for other in copies:
            assert other.entry == model.entry
            assert other.load_report == model.load_report
            assert all(torch.equal(a, b) for a, b in zip(want, answers(other(x)), strict=True))


@pytest.mark.parametrize(
    "case",
    [
        # ConvNeXt is the largest network, and these five take a minute of a core together.
        pytest.param(c, marks=pytest.mark.slow if c.name.startswith("adam-v2") else ())
        for c in cases()
        if not c.name.startswith(REPEATED) and c.label != "mlp"
    ],
    ids=str,
)
def test_adapts_to_other_channels_without_changing_the_answer(case: Case, tmp_path: Path) -> None:
    folder = case.build().save_pretrained(tmp_path / "model")
    x = case.input(in_channels=1)
    with torch.inference_mode():
        want = None
        for channels in (case.entry.in_channels, 1, 4):
            model = genesis_hub.from_pretrained(folder, in_channels=channels)
            got = answers(model(x.expand(-1, channels, *x.shape[2:])))
            if want is None:
                want = got[-1]
            torch.testing.assert_close(got[-1], want, rtol=1e-3, atol=1e-4)
            assert model.in_channels == channels
            assert len(model.load_report.adapted) == (channels != case.entry.in_channels)


@some
def test_carries_its_facts(case: Case) -> None:
    model = case.build()
    assert model.entry is case.entry
    assert model.ndim == (3 if case.wishes.get("operator") else case.entry.ndim)
    assert model.in_channels == case.entry.in_channels
    assert model.inputs.channels == case.entry.in_channels
    assert not model.training
    assert len(model.load_report.initialised) == len(model.state_dict())
    assert model.default_cfg == model.pretrained_cfg
    assert model.pretrained_cfg["input_size"][0] == case.entry.in_channels


@some
def test_has_timms_methods(case: Case) -> None:
    model, x = case.build(), case.input()
    with torch.inference_mode():
        features = model.forward_features(x)
    assert features.shape[0] == 2
    assert model.num_features >= 1
    assert model.feature_info is not None
    if case.label in ("features", "linear"):
        with torch.inference_mode():
            torch.testing.assert_close(model.forward_head(features), model(x))
            assert model.forward_head(features, pre_logits=True).shape == (2, model.num_features)
    if case.label in ("linear", "mlp", "segmentation", "lstm", "conv3d"):
        model.reset_classifier(7)
        assert model.get_classifier() is not None
        assert model(x).shape[1] == 7
        assert model.num_classes == 7


@some
def test_checkpointed_gradients_are_the_same(case: Case) -> None:
    model, x = case.build().eval(), case.input()
    for module in model.modules():  # Batch statistics and dropout would differ between runs.
        module.training = not isinstance(module, torch.nn.Dropout) and not hasattr(
            module, "running_mean"
        )
    if case.wishes.get("encoder", "").startswith(("Inception", "inception")):
        pytest.skip("timm's Inception networks have no gradient checkpointing")

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        sum(answer.square().mean() for answer in answers(model(x))).backward()
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]

    want = gradients()
    model.set_grad_checkpointing(True)
    for a, b in zip(want, gradients(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_reset_model_is_saved_as_it_is(tmp_path: Path) -> None:
    model = genesis_hub.create_model("adam-resnet50", num_classes=3, width=0.125)
    model.reset_classifier(5)
    again = genesis_hub.from_pretrained(model.save_pretrained(tmp_path / "m"))
    assert again.num_classes == 5
    model.reset_classifier(0)
    again = genesis_hub.from_pretrained(model.save_pretrained(tmp_path / "m"))
    assert again.num_classes == 0
    assert again.spec.task == "features"


def test_networks_without_checkpointing_say_so() -> None:
    model = genesis_hub.create_model("cpc-2d", encoder="InceptionV3")
    with pytest.raises((BadInput, AssertionError)):
        model.set_grad_checkpointing(True)
