"""All of the checks of one model file, in order: each begins only where those before it left something to look at."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model_registry import checking
from model_registry.loader import load_registry, read_model, with_line
from model_registry.rehearsal import calibration, prior, structure
from model_registry.rehearsal.calibration import Calibration
from model_registry.rehearsal.findings import Finding, good, note, problem
from model_registry.rehearsal.prior import PriorDraws
from model_registry.specification import Model
from tacit.errors import ModelLoadError


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """What was found out; the parts that were not reached are None."""

    findings: tuple[Finding, ...]
    model: Model | None = None
    draws: PriorDraws | None = None
    ranks: Calibration | None = None

    @property
    def passed(self) -> bool:
        """Whether there is no problem."""
        return all(finding.mark != "problem" for finding in self.findings)


def rehearse(
    path: Path,
    *,
    fits: int,
    steps: int,
    seed: int = 0,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_finding: Callable[[Finding], None] = lambda finding: None,
    on_fit: Callable[[int], None] = lambda done: None,
) -> Rehearsal:
    """Tries out a model file.

    Args:
      path: of the file.
      fits: how many made-up data sets to fit; 0 leaves that check out.
      steps: of each of these fits.
      on_stage: told what is done next, before it is done: some stages take minutes.
      on_finding: told each finding, as soon as it is found.
      on_fit: told how many fits are done.
    """
    findings: list[Finding] = []

    def tell(found: Iterable[Finding]) -> bool:
        """Whether there is no problem, so far."""
        for finding in found:
            findings.append(finding)
            on_finding(finding)
        return not _stopped(findings)

    on_stage(f"Loading {path.name}")
    try:
        model = read_model(path)
    except ModelLoadError as error:
        tell([problem(f"The file does not load: {error}")])
        return Rehearsal(tuple(findings))
    on_stage("Running the program, to compare its variables with the fields and the example")
    if not tell(problem(_sentence(error, path)) for error in checking.problems(model)):
        return Rehearsal(tuple(findings), model)
    tell([good(f"It loads: {model.name}, version {model.version}."), *_names(model)])
    on_stage("Looking at the densities, and at what a fit will do")
    if not tell(structure.look(model)):
        return Rehearsal(tuple(findings), model)
    on_stage(f"Simulating {prior.DRAWS} data sets, with latents drawn from the prior")
    draws = prior.draw(model, seed)
    if not tell(prior.look(model, draws, seed)) or not fits:
        return Rehearsal(tuple(findings), model, draws)
    on_stage(
        f"Fitting {fits} made-up data sets, {calibration.steps_of_each(model, steps)} steps each; "
        "the first takes longer, for it compiles"
    )
    ranks = calibration.calibrate(model, fits=fits, steps=steps, seed=seed, on_fit=on_fit)
    tell(calibration.look(ranks))
    return Rehearsal(tuple(findings), model, draws, ranks)


def _sentence(error: Exception, path: Path) -> str:
    words = str(error) if isinstance(error, ModelLoadError) else f"{type(error).__name__}: {error}"
    sentence = with_line(words, error, path)
    return sentence[0].upper() + sentence[1:]


def _names(model: Model) -> Iterator[Finding]:
    if model.name in load_registry().models:
        yield note(
            f"A model that comes with Tacit is named {model.name} too: this one is not served beside it; rename it."
        )


def _stopped(findings: list[Finding]) -> bool:
    return any(finding.mark == "problem" for finding in findings)
