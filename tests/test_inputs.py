"""The input contract: images in their own units become what the weights saw."""

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub import BadInput


def inputs_of(name: str, **wishes):
    return genesis_hub.create_model(name, width=0.125, **wishes).inputs


def test_ct_is_clipped_and_scaled() -> None:
    inputs = inputs_of("models-genesis")
    x = inputs(np.array([-2000, -1000, 0, 1000, 3000], dtype=np.int16).reshape(1, 5, 1, 1))
    assert x.dtype == torch.float32
    assert x.flatten().tolist() == [0, 0, 0.5, 1, 1]


def test_the_nnunet_form_takes_fixed_statistics() -> None:
    x = inputs_of("models-genesis-nnunet")(torch.full((1, 1, 2, 2, 2), -775.8457))
    torch.testing.assert_close(x, torch.zeros_like(x))


def test_xrays_are_normalised_per_channel() -> None:
    x = inputs_of("adam-resnet50")(np.full((3, 2, 2), 255, dtype=np.uint8))
    want = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(x[:, 0, 0], want)
    grey = inputs_of("adam-resnet50", in_channels=1)(np.zeros((1, 2, 2)))
    assert grey.shape == (1, 2, 2)


def test_images_without_units_are_scaled_each_on_its_own() -> None:
    batch = torch.stack(
        [torch.arange(8.0).view(1, 2, 2, 2), 10 * torch.arange(8.0).view(1, 2, 2, 2)]
    )
    x = inputs_of("cpc-3d")(batch)
    torch.testing.assert_close(x[0], x[1])
    assert (x.min(), x.max()) == (0, 1)
    constant = inputs_of("cpc-3d")(torch.full((1, 2, 2, 2), 3.0))
    assert torch.isfinite(constant).all()


@pytest.mark.parametrize("kind", [">i2", "<u2", "float64", "float16", "bool"])
def test_any_byte_order_and_number(kind: str) -> None:
    x = inputs_of("models-genesis")(np.ones((1, 2, 2, 2)).astype(kind))
    torch.testing.assert_close(x, torch.full_like(x, 1001 / 2000))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((2, 2, 2)), r"\(C, X, Y, Z\)"),
        (np.zeros((2, 2, 2, 2)), "2 channels"),
        (np.full((1, 2, 2, 2), np.nan), "NaN"),
        (np.zeros((1, 0, 2, 2)), "nothing in it"),
        (np.zeros((1, 2, 2, 2), dtype=complex), "complex"),
        (np.zeros((1, 2, 2, 2), dtype=object), "object"),
        (np.ma.masked_array(np.zeros((1, 2, 2, 2))), "filled"),
        (None, "NoneType"),
        ("scan.nii.gz", "str"),
    ],
)
def test_what_is_no_image_is_named(image, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        inputs_of("models-genesis")(image)
