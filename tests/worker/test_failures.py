import pytest
from rq.timeouts import JobTimeoutException

from tacit import errors
from worker.failures import explain, lost


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobTimeoutException("Task exceeded maximum timeout value (9 seconds)"), "timeout"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: out of memory while trying to allocate"), "out_of_memory"),
        (errors.DivergedError("Steps stayed non-finite."), "diverged"),
        (errors.NotReparameterizableError("z is discrete."), "inference_error"),
        (errors.DuplicateNameError("Two variables are named z."), "program_error"),
        (errors.ModelChangedError("It has changed."), "model_changed"),
        (errors.NotFoundError("There is no model m."), "model_missing"),
        (errors.StoreError("data.safetensors is damaged."), "store_error"),
        (ValueError("/secret/path"), "internal_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_failure_has_a_code_and_a_sentence(error: Exception, code: str) -> None:
    failure = explain(error, timeout_s=9)
    assert failure.code == code
    assert failure.message.endswith(".")
    assert "Traceback" not in failure.message
    assert "/secret" not in failure.message


def test_errors_made_on_purpose_keep_their_words() -> None:
    assert explain(errors.DivergedError("Steps stayed non-finite."), timeout_s=9).message == "Steps stayed non-finite."
    assert "9 s" in explain(JobTimeoutException(), timeout_s=9).message


def test_a_fit_whose_simulators_cannot_run_says_so() -> None:
    failure = explain(RuntimeError("CpuCallback"), timeout_s=9, simulators="They cannot be started: no memory.")
    assert (failure.code, failure.message) == ("simulators_unavailable", "They cannot be started: no memory.")


def test_lost_fits_say_how_often_and_why() -> None:
    assert "3 times" in lost(3, "signal 9.").message
    assert "signal 9." in lost(3, "signal 9.").message
