"""Uploading an artefact to the Hugging Face Hub."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError

from genesis_hub.errors import BadInput, WeightsUnavailable
from genesis_hub.weights.fetch import endpoint, first_line
from genesis_hub.weights.folder import LICENSE, NOTICE, read_folder


def publish(
    folder: Path,
    repo: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
) -> str:
    """Upload one of our folders to a Hub repository, made if it is not there; give its address.

    Weights under terms that must travel (a NOTICE lies beside them) are refused without the
    licence text.
    """
    artefact = read_folder(folder)
    artefact.check_sha256()
    if NOTICE in artefact.terms and LICENSE not in artefact.terms:
        raise BadInput(
            f"{folder} holds weights that may be passed on only with their licence text, and it "
            f"has no {LICENSE} file; put the authors' licence there: genesis-hub import NAME FILE "
            "--license LICENSE"
        )
    api = HfApi(endpoint=endpoint(), token=token)
    try:
        made = api.create_repo(repo, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=made.repo_id,
            folder_path=folder,
            revision=revision,
            commit_message="Publish with genesis_hub",
        )
    except HFValidationError as error:
        raise BadInput(f"repo={repo!r} is no Hub address ({error}); give OWNER/NAME") from error
    except Exception as error:
        # As in fetch.py: what the client lets through of its HTTP library has no type of its own.
        raise WeightsUnavailable(
            f"{folder} could not be published to {repo!r}: {first_line(error)}; check the network, "
            "the token (HF_TOKEN) and HF_ENDPOINT, then run the same command again"
        ) from error
    return str(made)
