"""Bytes from elsewhere: the Hugging Face Hub by its own client, Zenodo over plain HTTP."""

import contextlib
import http.client
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

from genesis_hub.atomic import flush
from genesis_hub.cards import ORGANISATION
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput

PIECE = 2**20
STALLED_SECONDS = 20.0
TRIES = 3
# A page that says 429 or 5xx is worth another try; the others will say the same again.
AGAIN = {429, 500, 502, 503, 504}
LARGEST = 8 * 2**30


class RoadClosed(Exception):
    """One road does not lead to the weights; the message says which and why. Never a user's."""


@dataclass(frozen=True)
class Access:
    """How the Hugging Face Hub may be asked; the words are huggingface_hub's."""

    revision: str | None = None
    cache_dir: str | Path | None = None
    token: str | None = None
    local_files_only: bool = False


def endpoint() -> str:
    """Return the Hub's address: `HF_ENDPOINT`, as it is now."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def our_repository(entry: Entry) -> str | None:
    """Return where we, or the organisation asked for, publish an entry; None where nobody may."""
    owner = os.environ.get("GENESIS_HUB_ORG") or ORGANISATION
    if owner == ORGANISATION and not entry.license.redistributable:
        return None  # We may not pass these on, so there is nothing of ours to ask for.
    return f"{owner}/{entry.name}"


def zenodo() -> str:
    """Return Zenodo's address; `GENESIS_HUB_ZENODO` points to a mirror."""
    return (os.environ.get("GENESIS_HUB_ZENODO") or "https://zenodo.org").rstrip("/")


def is_offline(access: Access) -> bool:
    """Say whether the network is not to be asked."""
    said = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return access.local_files_only or said


def fetch(repo: str, file: str, access: Access) -> Path:
    """Return a file of a Hub repository, from the client's cache or the network."""
    where = f"{endpoint()}/{repo}"
    cache = access.cache_dir or os.environ.get("HF_HUB_CACHE") or constants.HF_HUB_CACHE
    try:
        return Path(
            hf_hub_download(
                repo,
                file,
                revision=access.revision,
                cache_dir=cache,
                token=access.token,
                local_files_only=is_offline(access),
                endpoint=endpoint(),
            )
        )
    except GatedRepoError as error:
        raise RoadClosed(
            f"{where}: access must be granted there first; then set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise RoadClosed(f"{where}: no such repository, or not with this token") from error
    except RevisionNotFoundError as error:
        raise RoadClosed(f"{where}: no revision {access.revision!r}") from error
    except LocalEntryNotFoundError as error:
        why = (
            "offline, and not in the cache"
            if is_offline(access)
            else "no answer (HF_HUB_OFFLINE=1 saves asking)"
        )
        raise RoadClosed(f"{where}: {why}") from error
    except EntryNotFoundError as error:
        raise RoadClosed(f"{where}: it has no {file}") from error
    except HFValidationError as error:
        raise BadInput(f"{repo!r} is no address on the Hub ({error}); give OWNER/NAME") from error
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        raise RoadClosed(f"{where}: the server said {status}") from error
    except OSError as error:
        raise RoadClosed(f"{where}: {error.strerror or first_line(error)}") from error
    except Exception as error:
        # The client lets errors of its HTTP library through (time-outs, broken answers), whose
        # types are not part of its interface. Whatever it is: this road is closed, and why.
        raise RoadClosed(f"{where}: {type(error).__name__}: {first_line(error)}") from error


def download(url: str, target: Path) -> None:
    """Download an address to a new file, whole or not at all, flushed to the disk."""
    for attempt in range(1, TRIES + 1):
        try:
            stream(url, target)
        except urllib.error.HTTPError as error:
            if error.code not in AGAIN or attempt == TRIES:
                raise RoadClosed(f"{url}: the server said {error.code}") from error
            time.sleep(patience(error, attempt))
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            if attempt == TRIES:
                raise RoadClosed(f"{url}: {first_line(reason)}") from error
        else:
            flush(target)
            return


def stream(url: str, target: Path) -> None:
    """Copy one answer into a file, with a progress bar, and hold it against its own length."""
    request = urllib.request.Request(url, headers={"User-Agent": "genesis_hub"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=STALLED_SECONDS) as answer:  # noqa: S310
        if "html" in answer.headers.get("Content-Type", ""):
            raise RoadClosed(f"{url}: a web page came instead of the file")
        said = answer.headers.get("Content-Length")
        total = int(said) if said is not None and said.isdigit() else None
        if total is not None and total > LARGEST:
            raise RoadClosed(f"{url}: {total} bytes are more than any of these files has")
        got = 0
        bar = tqdm(total=total, unit="B", unit_scale=True, desc=target.name, leave=False)  # type: ignore[no-untyped-call]
        with contextlib.closing(bar), target.open("wb") as file:
            while piece := answer.read(PIECE):
                got += len(piece)
                if got > (total or LARGEST):
                    raise RoadClosed(f"{url}: more came than was announced")
                file.write(piece)
                bar.update(len(piece))
    if total is not None and got != total:
        raise http.client.IncompleteRead(b"", total - got)


def patience(error: urllib.error.HTTPError, attempt: int) -> float:
    """Return how long to wait: what the server asks for, up to half a minute."""
    said = error.headers.get("Retry-After", "")
    return min(float(said), 30.0) if said.isdigit() else 0.5 * 2**attempt


def first_line(error: object) -> str:
    """Return the first line of a message, short enough for one."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
