from tacit.settings import Settings
from tests.app.fuzzing import LIMITS, fuzz, serving


def test_answers_are_what_the_document_says(settings: Settings) -> None:
    with serving(settings.model_copy(update=LIMITS)) as service:
        answered = fuzz(service, cases=150, number=1)
    assert sum(answered.values()) >= 150
    # It got past the door, and was refused there: otherwise nothing much was tried.
    assert {"200", "401", "404", "409", "422"} <= {label.rpartition(" ")[2] for label in answered}
