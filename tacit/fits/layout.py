"""Which record of a fit lies under which key: the one place that knows.

open/{id}                          marks a fit that has no outcome yet; found again after any crash
owners/{owner}/{id}                marks whose fit it is
fits/{id}/data.safetensors
fits/{id}/request.json             from here on the fit is accepted
fits/{id}/attempts/{n}.json        a worker began; created by exactly one
fits/{id}/attempts/{n}.end.json    it ended without deciding the fit
fits/{id}/checkpoint/{n}-{step}-{sha256}.safetensors
                                   where attempt n was; older ones go when a newer one is durable
fits/{id}/result/{n}/*             what attempt n produced; attempts that overlap cannot mix
fits/{id}/cancel.json              the fit is to be cancelled; whoever works on it looks here
fits/{id}/outcome.json             created by exactly one writer; names the artefacts and their checksums
"""

from tacit.errors import NotFoundError
from tacit.fits import arrays as array_files
from tacit.fits.ids import is_fit_id

OPEN = "open/"
FITS = "fits/"
OWNERS = "owners/"


def folder(fit_id: str) -> str:
    if not is_fit_id(fit_id):
        raise no_such_fit(fit_id)
    return f"{FITS}{fit_id}/"


def no_such_fit(fit_id: str) -> NotFoundError:
    return NotFoundError(f"There is no fit {fit_id[:64]!r}.")


def owned_key(owner: str, fit_id: str) -> str:
    return f"{OWNERS}{owner}/{fit_id}"


def attempt_key(fit_id: str, number: int) -> str:
    return f"{folder(fit_id)}attempts/{number:04d}"


def request_key(fit_id: str) -> str:
    return f"{folder(fit_id)}request.json"


def cancel_key(fit_id: str) -> str:
    return f"{folder(fit_id)}cancel.json"


def checkpoints(fit_id: str) -> str:
    return f"{folder(fit_id)}checkpoint/"


def checkpoint_key(fit_id: str, attempt: int, step: int, data: bytes) -> str:
    """Sorts by attempt, then step; holds the checksum, so that one write makes the checkpoint and its proof."""
    return f"{checkpoints(fit_id)}{attempt:04d}-{step:012d}-{array_files.artefact(data).sha256}.safetensors"


def checkpoint_attempt(key: str) -> int:
    """The attempt that made a checkpoint; 0 when it is that of the fit that is done again."""
    return int(key.rpartition("/")[2].partition("-")[0])


def result_key(fit_id: str, attempt: int, name: str) -> str:
    return f"{folder(fit_id)}result/{attempt:04d}/{name}"
