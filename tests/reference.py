"""The authors' forwards, written again from the fact sheets on their own keys, for parity only.

Nothing here knows genesis_hub: plain functions on a state dict in the authors' layout.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def unit(x: Tensor, p: State, stem: str) -> Tensor:
    """Convolution, batch norm on the batch's own statistics, rectifier (PyTorch release)."""
    x = F.conv3d(x, p[f"{stem}.conv1.weight"], p[f"{stem}.conv1.bias"], padding=1)
    mean = x.mean((0, 2, 3, 4), keepdim=True)
    var = x.var((0, 2, 3, 4), unbiased=False, keepdim=True)
    x = (x - mean) / torch.sqrt(var + 1e-5)
    scale, shift = p[f"{stem}.bn1.weight"], p[f"{stem}.bn1.bias"]
    return (x * scale.view(1, -1, 1, 1, 1) + shift.view(1, -1, 1, 1, 1)).relu()


def genesis_pytorch(p: State, x: Tensor) -> dict[str, Tensor]:
    """Models Genesis' U-Net; with `clc_out` keys, Semantic Genesis' Y-Net."""
    skips = []
    for stage in ("down_tr64", "down_tr128", "down_tr256", "down_tr512"):
        if skips:
            x = F.max_pool3d(x, 2)
        x = unit(unit(x, p, f"{stage}.ops.0"), p, f"{stage}.ops.1")
        skips.append(x)
    out = {"bottleneck": x}
    for stage, skip in (("up_tr256", 2), ("up_tr128", 1), ("up_tr64", 0)):
        weight, bias = p[f"{stage}.up_conv.weight"], p[f"{stage}.up_conv.bias"]
        x = torch.cat([F.conv_transpose3d(x, weight, bias, stride=2), skips[skip]], 1)
        x = unit(unit(x, p, f"{stage}.ops.0"), p, f"{stage}.ops.1")
    out["before"] = x
    last = F.conv3d(x, p["out_tr.final_conv.weight"], p["out_tr.final_conv.bias"])
    out["restoration"] = torch.sigmoid(last)
    if "clc_out.fc1.weight" in p:
        y = unit(out["bottleneck"], p, "clc_out").mean((2, 3, 4))
        y = F.linear(y, p["clc_out.fc1.weight"], p["clc_out.fc1.bias"])
        out["classification"] = torch.softmax(y, 1)
    return out


def keras_unit(x: Tensor, p: State, layer: str) -> Tensor:
    """Convolution, batch norm on moving statistics with Keras' epsilon, rectifier."""
    x = F.conv3d(x, p[f"{layer}_conv.weight"], p[f"{layer}_conv.bias"], padding=1)
    mean, var = p[f"{layer}_bn.running_mean"], p[f"{layer}_bn.running_var"]
    scale = p[f"{layer}_bn.weight"] / torch.sqrt(var + 1e-3)
    shift = p[f"{layer}_bn.bias"] - mean * scale
    return (x * scale.view(1, -1, 1, 1, 1) + shift.view(1, -1, 1, 1, 1)).relu()


def genesis_keras(p: State, x: Tensor) -> dict[str, Tensor]:
    """Keras' U-Net (nearest up-sampling); with `cls_output` keys, the Y-Net."""
    skips = []
    for depth in (0, 2, 4, 6):
        if skips:
            x = F.max_pool3d(x, 2)
        x = keras_unit(keras_unit(x, p, f"depth_{depth}"), p, f"depth_{depth + 1}")
        skips.append(x)
    out = {"bottleneck": x}
    for depth, skip in ((8, 2), (10, 1), (12, 0)):
        for axis in (2, 3, 4):
            x = x.repeat_interleave(2, axis)
        x = torch.cat([x, skips[skip]], 1)
        x = keras_unit(keras_unit(x, p, f"depth_{depth}"), p, f"depth_{depth + 1}")
    out["before"] = x
    last = "final_conv" if "final_conv.weight" in p else "conv3d"
    out["restoration"] = torch.sigmoid(F.conv3d(x, p[f"{last}.weight"], p[f"{last}.bias"]))
    if "cls_output.weight" in p:
        y = keras_unit(out["bottleneck"], p, "depth_14").mean((2, 3, 4))
        y = F.linear(y, p["cls_fc.weight"], p["cls_fc.bias"]).relu()
        y = F.linear(y, p["cls_output.weight"], p["cls_output.bias"])
        out["classification"] = torch.softmax(y, 1)
    return out


def nnunet_unit(x: Tensor, p: State, stem: str, stride: tuple[int, ...] = (1, 1, 1)) -> Tensor:
    x = F.conv3d(x, p[f"{stem}.conv.weight"], p[f"{stem}.conv.bias"], stride=stride, padding=1)
    scale, shift = p[f"{stem}.instnorm.weight"], p[f"{stem}.instnorm.bias"]
    return F.leaky_relu(F.instance_norm(x, weight=scale, bias=shift, eps=1e-5), 0.01)


def genesis_nnunet(p: State, x: Tensor) -> dict[str, Tensor]:
    strides = ((1, 1, 1), *((2, 2, 2),) * 4)
    skips = []
    for stage, stride in enumerate(strides):
        stem = f"conv_blocks_context.{stage}.blocks"
        x = nnunet_unit(nnunet_unit(x, p, f"{stem}.0", stride), p, f"{stem}.1")
        skips.append(x)
    stem = "conv_blocks_context.5"
    x = nnunet_unit(x, p, f"{stem}.0.blocks.0", (1, 2, 2))
    x = nnunet_unit(x, p, f"{stem}.1.blocks.0")
    out = {"bottleneck": x}
    for level, (skip, stride) in enumerate(
        zip(skips[::-1], ((1, 2, 2), *((2, 2, 2),) * 4), strict=True)
    ):
        x = F.conv_transpose3d(x, p[f"tu.{level}.weight"], stride=stride)
        x = torch.cat([x, skip], 1)
        for part in (0, 1):
            x = nnunet_unit(x, p, f"conv_blocks_localization.{level}.{part}.blocks.0")
    out["before"] = x
    out["restoration"] = F.conv3d(x, p["seg_outputs.4.weight"])
    return out


def planar_norm(x: Tensor, p: State, stem: str) -> Tensor:
    return F.batch_norm(
        x, p[f"{stem}.running_mean"], p[f"{stem}.running_var"], p[f"{stem}.weight"],
        p[f"{stem}.bias"], training=False, eps=1e-5,
    )  # fmt: skip


def resnet_maps(p: State, x: Tensor, prefix: str, stem_stride: int) -> list[Tensor]:
    """Torchvision's ResNet-50 up to its last map, all five maps."""
    x = F.conv2d(x, p[f"{prefix}conv1.weight"], stride=stem_stride, padding=3)
    x = planar_norm(x, p, f"{prefix}bn1").relu()
    maps = [x]
    x = F.max_pool2d(x, 3, 2, 1)
    for layer, blocks in ((1, 3), (2, 4), (3, 6), (4, 3)):
        for block in range(blocks):
            stem = f"{prefix}layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = planar_norm(F.conv2d(x, p[f"{stem}.conv1.weight"]), p, f"{stem}.bn1").relu()
            y = F.conv2d(y, p[f"{stem}.conv2.weight"], stride=stride, padding=1)
            y = planar_norm(y, p, f"{stem}.bn2").relu()
            y = planar_norm(F.conv2d(y, p[f"{stem}.conv3.weight"]), p, f"{stem}.bn3")
            if f"{stem}.downsample.0.weight" in p:
                x = F.conv2d(x, p[f"{stem}.downsample.0.weight"], stride=stride)
                x = planar_norm(x, p, f"{stem}.downsample.1")
            x = (x + y).relu()
        maps.append(x)
    return maps


def scse(x: Tensor, p: State, stem: str) -> Tensor:
    squeezed = x.mean((2, 3), keepdim=True)
    hidden = F.conv2d(squeezed, p[f"{stem}.cSE.1.weight"], p[f"{stem}.cSE.1.bias"]).relu()
    channel = torch.sigmoid(F.conv2d(hidden, p[f"{stem}.cSE.3.weight"], p[f"{stem}.cSE.3.bias"]))
    place = torch.sigmoid(F.conv2d(x, p[f"{stem}.sSE.0.weight"], p[f"{stem}.sSE.0.bias"]))
    return x * channel + x * place


def conv_bn(x: Tensor, p: State, stem: str) -> Tensor:
    return planar_norm(F.conv2d(x, p[f"{stem}.0.weight"], padding=1), p, f"{stem}.1").relu()


def last_block(x: Tensor, p: State, stem: str) -> Tensor:
    x = scse(x, p, f"{stem}.attention1.attention")
    x = conv_bn(conv_bn(x, p, f"{stem}.conv1"), p, f"{stem}.conv2")
    return scse(x, p, f"{stem}.attention2.attention")


def segmentation_maps(p: State, maps: list[Tensor]) -> Tensor:
    x = maps[-1]
    for block, skip in enumerate(maps[-2::-1]):
        x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), skip], 1)
        stem = f"seg_decoder.blocks.{block}"
        x = conv_bn(conv_bn(x, p, f"{stem}.conv1"), p, f"{stem}.conv2")
    return last_block(x, p, "seg_decoder.last_block")


def dense(x: Tensor, p: State, head: str) -> Tensor:
    return F.conv2d(x, p[f"{head}.0.weight"], p[f"{head}.0.bias"], padding=1)


def smartnet(p: State, x: Tensor) -> dict[str, Tensor]:
    maps = resnet_maps(p, x, "encoder.", 1)
    out = {"bottleneck": maps[-1]}
    head = "classification_head.3"
    pooled = maps[-1].mean((2, 3))
    out["classification"] = F.linear(pooled, p[f"{head}.weight"], p[f"{head}.bias"])
    out["segmentation"] = dense(segmentation_maps(p, maps), p, "segmentation_head")
    y = maps[-1]
    for block in range(4):
        stem = f"rec_decoder.blocks.{block}"
        up = f"{stem}.upsample.upsample.0"
        y = F.pixel_shuffle(F.conv2d(y, p[f"{up}.weight"], p[f"{up}.bias"]), 2)
        for conv in ("conv1", "conv2"):
            weight, bias = p[f"{stem}.{conv}.0.weight"], p[f"{stem}.{conv}.0.bias"]
            y = F.conv2d(y, weight, bias, padding=1).relu()
    out["reconstruction"] = dense(
        last_block(y, p, "rec_decoder.last_block"), p, "reconstruction_head"
    )
    return out


def smartnet_volume_classification(p: State, x: Tensor) -> Tensor:
    slices = [resnet_maps(p, x[..., i], "encoder.", 1)[-1].mean((2, 3)) for i in range(x.shape[-1])]
    lstm = torch.nn.LSTM(2048, 512, num_layers=2, bidirectional=True, batch_first=True)
    lstm.load_state_dict({k.removeprefix("LSTM."): v for k, v in p.items() if "LSTM." in k})
    _, (states, _) = lstm(torch.stack(slices, 1))
    joined = torch.cat([states[-1], states[-2]], 1)
    hidden = F.linear(joined, p["fc.weight"], p["fc.bias"]).relu()
    return F.linear(hidden, p["head.weight"], p["head.bias"])


def smartnet_volume_segmentation(p: State, x: Tensor) -> Tensor:
    maps = [
        segmentation_maps(p, resnet_maps(p, x[..., i], "encoder.", 1)) for i in range(x.shape[-1])
    ]
    y = torch.stack(maps, -1)
    for conv, norm in (("conv1", "bn1"), ("conv2", "bn2")):
        y = F.conv3d(y, p[f"{conv}.weight"], p[f"{conv}.bias"], padding=1)
        y = planar_norm(y, p, norm).relu()
    return F.conv3d(y, p["head.weight"], p["head.bias"], padding=1)
