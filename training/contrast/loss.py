"""InfoNCE, and Adam's purposive pruner: negatives that look like the query are no negatives."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(
    positive: Tensor, negatives: Tensor, *, temperature: float, kept: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy of finding each query's own key among the negatives.

    positive: (N,) cosines with the own key. negatives: (N, K) cosines with the others.
    kept: (N, K), which of these count; all of them if None. A row without any costs nothing.
    """
    positive, negatives = positive.float(), negatives.float()  # Under autocast too.
    if kept is not None:
        negatives = negatives.masked_fill(~kept, -torch.inf)
    logits = torch.cat([positive[:, None], negatives], 1) / temperature
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


def found_again(codes: Tensor, others: Tensor, *, temperature: float) -> tuple[Tensor, Tensor]:
    """Return InfoNCE and the share of hits when each code (N, F) looks for its own other view.

    What a network is chosen by: one that gives one answer to all costs log(N), as one does that
    gives random ones. A queue's keys would not do: they are of the networks of a while ago, which
    are easily told from the key of now while all change fast, so that the worst step looks best.
    """
    like = codes.float() @ others.float().t() / temperature
    own = torch.arange(len(like), device=like.device)
    return F.cross_entropy(like, own), (like.argmax(1) == own).float().mean()


@torch.no_grad()
def unlike(negatives: Tensor, *, threshold: float, floor: int = 0) -> Tensor:
    """Return which negatives (N, K) are less similar to their query than `threshold`.

    What is as similar as that shows the same place in another patient, the paper argues, and to
    push it away would unlearn the anatomy. A cosine of just the threshold is pruned.
    floor: so many of each row are kept in any case, the least similar. As published there is none,
    and a network that gives one answer to all prunes all negatives and reaches a loss of 0.
    """
    kept = negatives < threshold
    floor = min(floor, negatives.shape[1])
    short = kept.sum(1) < floor
    if floor and bool(short.any()):
        least = negatives[short].topk(floor, dim=1, largest=False, sorted=False).indices
        # These are all below the threshold that there are, and the next ones.
        kept[short] = torch.zeros_like(kept[short]).scatter_(1, least, True)
    return kept


def spread_of(codes: Tensor) -> Tensor:
    """Return how far codes (N, F) on the unit sphere lie apart: 0 for one answer to all, 1 at most.

    The root of the summed variances; each dimension's deviation is this over the root of F where
    all of them are used alike.
    """
    return (1 - codes.mean(0).square().sum()).clamp_min(0).sqrt()
