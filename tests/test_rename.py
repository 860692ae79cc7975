"""The catalog's rules against the authors' own key tables."""

import pytest

import genesis_hub
from genesis_hub import KeyMismatch
from genesis_hub.assemble import assemble
from genesis_hub.entry import Entry, Layout, Rename
from genesis_hub.names import common_name
from genesis_hub.registry import ENTRIES
from genesis_hub.spec import Wishes, resolve
from genesis_hub.weights.rename import authors_name, rename, strip
from tests.keytables import name_of, tables

every = pytest.mark.parametrize(("entry", "layout", "rows"), tables(), ids=name_of)

# Rules for what no key table lists: heads the README loaders drop, and the other spelling.
UNSEEN = ("projection_head", "prototypes", "encoder_k", "queue", "fc")


def test_every_layout_with_a_table_is_tested() -> None:
    named = {(entry.name, layout.name) for entry, layout, _ in tables()}
    assert len(named) == 11


@every
def test_rules_consume_every_author_key(entry: Entry, layout: Layout, rows: dict) -> None:
    done = rename(rows, layout)
    assert done.unmatched == ()
    assert set(done.names) == set(rows)
    idle = [r for r in done.idle if not any(word in r.pattern for word in UNSEEN)]
    assert idle == []


@every
def test_names_and_shapes_are_those_of_the_network(
    entry: Entry, layout: Layout, rows: dict
) -> None:
    classes = {"pretext": 0, "features": 0}.get(layout.task, 1)
    wishes = Wishes(task=layout.task, operator=layout.operator, num_classes=classes)
    spec = resolve(entry, wishes)
    model = assemble(spec, entry, empty=True)
    ours = {common_name(spec, name): tuple(t.shape) for name, t in model.state_dict().items()}
    theirs = {name: rows[key] for key, name in rename(rows, layout).names.items()}
    counters = {name for name in ours if name.endswith("num_batches_tracked")}
    assert {n: s for n, s in ours.items() if n in theirs or n not in counters} == theirs


@every
def test_names_go_back_to_what_the_authors_wrote(entry: Entry, layout: Layout, rows: dict) -> None:
    for key, name in rename(rows, layout).names.items():
        back = authors_name(name, layout)
        if "Keras" in layout.name and key.startswith("conv3d"):
            assert back is not None
            assert back.startswith("final_conv.")
        else:
            assert back == key


@every
def test_a_key_renamed_is_told_as_the_file_spells_it(
    entry: Entry, layout: Layout, rows: dict
) -> None:
    for key in rows:
        wrong = f"x{key}"
        assert rename([wrong], layout).unmatched == (wrong,)


def test_prefixes_come_off_at_the_start_only_and_in_order() -> None:
    layout = ENTRIES["semantic-genesis"].layouts[0]
    assert strip("module.classficationNet.down_tr64.ops", layout.prefixes) == "down_tr64.ops"
    assert strip("my_module.layer", layout.prefixes) == "my_module.layer"
    done = rename(["module.my_module.down_tr64.ops.0.conv1.weight"], layout)
    assert done.unmatched


def test_clustering_leftovers_are_dropped_and_said() -> None:
    layout = ENTRIES["transvw"].layouts[0]
    keys = ["module.projection_head.0.weight", "classficationNet.prototypes.weight"]
    done = rename(keys, layout)
    assert set(done.dropped) == set(keys)
    assert all("clustering" in why for why in done.dropped.values())


def test_the_query_encoder_is_taken_from_a_full_checkpoint() -> None:
    layout = ENTRIES["adam-resnet50"].layouts[0]
    keys = ["module.encoder_q.conv1.weight", "module.encoder_k.conv1.weight", "module.queue",
            "module.queue_ptr", "module.encoder_q.fc.0.weight"]  # fmt: skip
    done = rename(keys, layout)
    assert done.names == {keys[0]: "encoder.conv1.weight"}
    assert set(done.dropped) == set(keys[1:])


def test_both_spellings_of_convnext_give_every_tensor() -> None:
    layout = ENTRIES["adam-v2-convnext-base"].layouts[0]
    model = genesis_hub.create_model("adam-v2-convnext-base", width=0.125)
    timm_keys = [f"module.backbone.{key}" for key in model.state_dict()]
    assert len(rename(timm_keys, layout).names) == len(timm_keys)
    meta = ["backbone.downsample_layers.0.0.weight", "backbone.downsample_layers.2.1.bias",
            "backbone.stages.1.2.dwconv.weight", "backbone.stages.1.2.gamma",
            "backbone.stages.3.0.pwconv1.weight", "backbone.norm.weight"]  # fmt: skip
    assert list(rename(meta, layout).names.values()) == [
        "encoder.stem.0.weight", "encoder.stages.2.downsample.1.bias",
        "encoder.stages.1.blocks.2.conv_dw.weight", "encoder.stages.1.blocks.2.gamma",
        "encoder.stages.3.blocks.0.mlp.fc1.weight", "encoder.head.norm.weight",
    ]  # fmt: skip


def test_two_keys_that_become_one_are_refused() -> None:
    layout = Layout("test", (Rename(r"^a\.", "x."),), prefixes=("module.",))
    with pytest.raises(KeyMismatch, match=r"'a\.w' and 'module\.a\.w'"):
        rename(["a.w", "module.a.w"], layout)
