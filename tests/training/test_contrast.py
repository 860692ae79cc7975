"""What contrast is made of: losses, the pruner, the queue and batch norm's groups."""

import math
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor, nn

from genesis_hub.errors import BadInput
from tests.loopback import free_port
from training.contrast.groups import groups_of, in_groups, norms_of, shuffled
from training.contrast.loss import found_again, info_nce, spread_of, unlike
from training.contrast.queue import Queue
from training.contrast.ranks import gathered, own

COLD = 0.2


def sphere(count: int, features: int = 8, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, features, generator=draw), dim=1)


def looped(query: Tensor, key: Tensor, queue: Tensor, threshold: float, floor: int) -> Tensor:
    """Sample by sample, as one would write it down: every negative looked at by itself."""
    losses = []
    for one, its in zip(query, key, strict=True):
        similar = [float(one.detach() @ other) for other in queue]
        left = [at for at, cosine in enumerate(similar) if cosine < threshold]
        if len(left) < floor:
            left = sorted(range(len(similar)), key=similar.__getitem__)[:floor]
        terms = [one @ its / COLD, *(one @ queue[at] / COLD for at in left)]
        total = sum((term - terms[0]).exp() for term in terms)
        losses.append(torch.as_tensor(total).log())
    return torch.stack(losses).mean()


def vectorised(query: Tensor, key: Tensor, queue: Tensor, threshold: float, floor: int) -> Tensor:
    negatives = query @ queue.t()
    kept = unlike(negatives, threshold=threshold, floor=floor)
    return info_nce((query * key).sum(1), negatives, temperature=COLD, kept=kept)


@pytest.mark.parametrize(("threshold", "floor"), [(0.3, 0), (0.3, 30), (-0.9, 5), (2.0, 0)])
def test_loss_and_gradient_are_those_of_a_loop(threshold: float, floor: int) -> None:
    key, queue = sphere(6, seed=1).double(), sphere(40, seed=2).double()
    queue[:3] = sphere(3)  # What a query has just seen, in another patient.
    found = []
    for loss_of in (looped, vectorised):
        query = sphere(6).double().requires_grad_()
        loss = loss_of(query, key, queue, threshold, floor)
        loss.backward()
        found.append((float(loss.detach()), query.grad))
    (one, its), (other, theirs) = found
    assert other == pytest.approx(one, rel=1e-6)  # Logits are made float32.
    torch.testing.assert_close(theirs, its, rtol=1e-5, atol=1e-7)


def test_a_cosine_of_just_the_threshold_is_pruned() -> None:
    cosines = torch.tensor([[0.8, 0.79999, 0.80001, -1.0]])
    assert unlike(cosines, threshold=0.8).tolist() == [[False, True, False, True]]


def test_the_floor_keeps_the_least_similar_and_no_more() -> None:
    cosines = torch.tensor([[0.95, 0.85, 0.9, 0.1], [0.1, 0.2, 0.3, 0.9]])
    kept = unlike(cosines, threshold=0.8, floor=2)
    assert kept.tolist() == [[False, True, False, True], [True, True, True, False]]
    assert unlike(cosines, threshold=0.8, floor=9).all()


def test_without_a_floor_a_collapse_costs_nothing_and_with_one_as_much_as_chance() -> None:
    same = torch.ones(4)
    cosines = torch.ones(4, 32)
    free = info_nce(same, cosines, temperature=COLD, kept=unlike(cosines, threshold=0.8))
    assert float(free) == 0.0
    held = unlike(cosines, threshold=0.8, floor=16)
    assert float(info_nce(same, cosines, temperature=COLD, kept=held)) == pytest.approx(
        math.log(17)
    )


def test_what_weights_are_chosen_by_equals_a_loop_and_is_chance_for_a_collapse() -> None:
    codes, others = sphere(6), sphere(6, seed=3)
    others[2] = codes[2]
    loss, hits = found_again(codes, others, temperature=COLD)
    terms, found = [], 0
    for at in range(6):
        like = [float(codes[at] @ other) / COLD for other in others]
        terms.append(math.log(sum(math.exp(one) for one in like)) - like[at])
        found += like[at] == max(like)
    assert float(loss) == pytest.approx(sum(terms) / 6, rel=1e-4)
    assert float(hits) == pytest.approx(found / 6)
    same = codes[:1].expand(6, -1)
    assert float(found_again(same, same, temperature=COLD)[0]) == pytest.approx(math.log(6))


def test_half_precision_makes_no_loss_of_its_own() -> None:
    cosines = (sphere(5) @ sphere(64, seed=3).t()).bfloat16()
    kept = unlike(cosines, threshold=0.5)
    loss = info_nce(torch.ones(5).bfloat16(), cosines, temperature=COLD, kept=kept)
    assert loss.dtype == torch.float32
    assert bool(loss.isfinite())


def test_spread_is_none_for_one_answer_and_whole_for_opposite_ones() -> None:
    assert float(spread_of(sphere(1).expand(9, -1))) == pytest.approx(0, abs=1e-3)
    assert float(spread_of(torch.cat([sphere(1), -sphere(1)]))) == pytest.approx(1)
    # Each dimension deviates by 1 / sqrt(128), as the authors' embedding does where it is healthy.
    assert float(spread_of(sphere(4000, 128))) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("batches", [[4, 4, 4], [3, 5, 2, 7, 1, 6], [7, 7, 7, 7]])
def test_the_ring_holds_the_last_keys_whatever_the_batches(batches: list[int]) -> None:
    queue, written = Queue(7, 1, seed=0), []
    for size in batches:
        new = [len(written) + at for at in range(size)]
        queue.push(torch.tensor(new, dtype=torch.float32)[:, None])
        written += new
    assert sorted(queue.keys[:, 0].tolist()) == written[-7:]
    assert int(queue.place) == len(written) % 7


def test_a_queue_begins_with_seeded_noise_on_the_sphere() -> None:
    queue = Queue(7, 2, seed=0)
    torch.testing.assert_close(queue.keys.norm(dim=1), torch.ones(7))
    assert torch.equal(queue.keys, Queue(7, 2, seed=0).keys)
    assert not torch.equal(queue.keys, Queue(7, 2, seed=1).keys)


def test_more_keys_than_places_are_refused() -> None:
    with pytest.raises(BadInput, match=r"8 keys do not fit into a queue of 7; give queue=8"):
        Queue(7, 2, seed=0).push(torch.zeros(8, 2))


def test_a_queue_is_the_same_after_it_was_saved() -> None:
    one, other = Queue(7, 2, seed=0), Queue(7, 2, seed=1)
    one.push(sphere(5, 2))
    other.load_state_dict(one.state_dict())
    for queue in (one, other):
        queue.push(sphere(4, 2, seed=1))
    assert all(torch.equal(t, other.state_dict()[name]) for name, t in one.state_dict().items())


def normed() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 4))


def test_groups_are_normalised_by_themselves_and_a_shuffle_alone_changes_nothing() -> None:
    x, network = torch.randn(12, 3), normed()
    norms = norms_of(network)
    whole = network(x)
    order = torch.arange(12).flip(0).int()
    torch.testing.assert_close(shuffled(network, x, order, 1, norms), whole)
    parts = in_groups(network, x, 3, norms)
    torch.testing.assert_close(parts, torch.cat([network(part) for part in x.split(4)]))
    assert (parts - whole).abs().max() > 0.1
    again = shuffled(network, x, order, 3, norms)
    torch.testing.assert_close(again, parts)  # Backwards in thirds, the same are together.
    other = torch.tensor([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]).int()
    assert (shuffled(network, x, other, 3, norms) - parts).abs().max() > 0.01


def test_all_groups_count_alike_in_the_running_statistics() -> None:
    x = torch.randn(12, 3)
    network = normed()
    norm: Any = network[1]
    in_groups(network, x, 3, norms_of(network))
    means = []
    for part in x.split(4):
        fresh: Any = normed()
        fresh(part)
        means.append(fresh[1].running_mean)
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0))
    assert norm.momentum == 0.1


@pytest.mark.parametrize(
    ("count", "splits", "groups"), [(256, 4, 4), (16, 0, 2), (3, 4, 1), (2, 2, 1)]
)
def test_a_group_has_two_and_one_process_two_groups(count: int, splits: int, groups: int) -> None:
    assert groups_of(count, splits) == groups


def test_a_network_without_batch_norm_is_left_in_one_piece() -> None:
    calls = []

    def encode(x: Tensor) -> Tensor:
        calls.append(len(x))
        return x

    x = torch.randn(6, 3)
    assert in_groups(encode, x, 3, []) is x
    assert shuffled(encode, x, torch.arange(6).int(), 3, []) is x
    assert calls == [6, 6]


def on_two(rank: int, port: int, folder: str) -> None:
    """Make the loss of half a batch in each of two processes."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=60))
    torch.save(losses_of(own), Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def losses_of(part: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Return the loss of a part of a batch, its gradient, and the queue of all parts."""
    queue, network = Queue(21, 4, seed=0), normed()
    x, y = (torch.randn(8, 3, generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    order = torch.tensor([5, 3, 8, 1, 9, 2, 7, 4]).int()
    for _ in range(3):  # Past the ring's end.
        norms = norms_of(network)
        groups = 2 if len(part(x)) == 8 else 1
        key = F.normalize(shuffled(network, part(y), part(order), groups, norms), dim=1)
        query = F.normalize(in_groups(network, part(x), groups, norms), dim=1)
        loss = vectorised(query, key, queue.keys.clone(), 0.3, 4)
        loss.backward()
        queue.push(gathered(key))
    grads = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), "keys": queue.keys, "place": queue.place, **grads}


def test_two_processes_make_the_loss_the_gradient_and_the_queue_of_one(tmp_path: Path) -> None:
    mp.start_processes(on_two, (free_port(), str(tmp_path)), nprocs=2, start_method="spawn")
    one = losses_of(lambda x: x)
    two = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for name in ("keys", "place"):
        torch.testing.assert_close(two[0][name], one[name], rtol=0, atol=1e-6)
        assert torch.equal(two[0][name], two[1][name])
    for name in one.keys() - {"keys", "place"}:
        mean = (two[0][name] + two[1][name]) / 2
        torch.testing.assert_close(mean, one[name], rtol=0, atol=1e-5)
