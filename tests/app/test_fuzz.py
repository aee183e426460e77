from tacit.settings import Settings
from tests.app.fuzzing import fuzz, serving


def test_answers_are_what_the_document_says(settings: Settings) -> None:
    with serving(settings.model_copy(update={"max_unfinished_fits": 10_000})) as service:
        answered = fuzz(service, cases=100, number=1)
    assert sum(answered.values()) >= 100
    assert any(label.startswith("POST /v1/fits 202") for label in answered)
