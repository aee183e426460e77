"""What a user may choose about a fit. The defaults are the calibrated recipe; nothing needs choosing."""

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationInfo, field_validator, model_validator

from tacit.errors import InferenceError
from tacit.inference.optimizers import BY_ARRAY, NAMES, NATURAL, Optimizer, optimizer
from tacit.inference.summary import FEW_NUMBERS

Contrast = Literal["marginal", "empirical"]
Method = Literal["implicit_klqp", "klqp"]
Objective = Literal["reverse", "forward", "amortized"]
Family = Literal["full_rank", "blocks", "mean_field", "amortized", "flow"]
RatioLossName = Literal["multiclass", "log", "hinge"]
RestartChoice = Literal["best", "pooled"]
ScheduleName = Literal["constant", "cosine", "linear", "exponential"]


# The budget of the forward objective, unless told otherwise; of a simulator that is not JAX.
SIMULATIONS, EXTERNAL_SIMULATIONS = 100_000, 10_000
# Steps unless told otherwise; and under the forward objective with few simulations, of which more is learnt.
STEPS = 12_000
FEW_SIMULATIONS, STEPS_OF_FEW = 25_000, 20_000
FEWEST_STEPS = 1_000
# Posteriors of no more latents, of data sets of no more numbers than this are given more of these steps.
SOON_LEARNT_LATENTS, SOON_LEARNT_NUMBERS = 4, 10
# Ratio estimators under the forward objective with few simulations: the most where they make no more updates together
# than there may be steps, the fewest in any case.
FEWEST_RATIO_ESTIMATORS, MOST_RATIO_ESTIMATORS = 2, 5
# The ratio estimator's rate unless told otherwise.
RATIO_RATES: dict[Objective, float] = {"reverse": 5e-3, "forward": 3e-3, "amortized": 1e-3}
# Of data sets of more than FEW_NUMBERS under the forward objective, where a step takes twice the time.
STEPS_OF_MANY_NUMBERS, RATIO_RATE_OF_MANY_NUMBERS = 6_000, 5e-3
# Data sets smaller than this are simulated several times an update, but at most so often.
FEW_POINTS = 64
MAX_REPLICATES = 2
# Latents that a start may have at most.
MOST_STARTED = 256


class OptimizerOptions(BaseModel):
    """An optimizer by its name in optax, the options it takes there, and how its learning rate falls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("adam", description="Of optax: " + ", ".join(NAMES) + "; for q also natural.")
    options: dict[str, float] = Field({}, description="Keyword arguments of the optimizer, without the learning rate.")
    schedule: ScheduleName = Field("cosine", description="Of the learning rate, over the steps, to a hundredth.")

    def resolved(self) -> Optimizer:
        """The optimizer, checked."""
        return optimizer(self.name, self.options, self.schedule)


class Start(BaseModel):
    """A Gaussian of the unconstrained global latents, one after the other in the model's order."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # One error is enough to refuse a list.
    mean: Annotated[list[float], FailFast()] = Field(min_length=1, max_length=MOST_STARTED)
    covariance: Annotated[list[Annotated[list[float], FailFast()]], FailFast()] = Field(
        min_length=1, max_length=MOST_STARTED
    )

    @model_validator(mode="after")
    def _is_a_gaussian(self) -> Self:
        covariance, size = self.covariance, len(self.mean)
        if len(covariance) != size or any(len(row) != size for row in covariance):
            raise ValueError(f"covariance must have {size} rows of {size} numbers, as mean has")
        matrix = np.array(covariance)
        if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0.0:
            raise ValueError("covariance must be symmetric and positive definite")
        return self


class InferenceOptions(BaseModel):
    """Options of `ImplicitKLqp`. Two fits whose options differ only in numbers of steps and rates share one compiled
    program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = Field(
        "implicit_klqp",
        description="implicit_klqp learns the likelihood's part from simulations; klqp uses the program's own density, "
        "where every variable has one: the yardstick of the other.",
    )
    objective: Objective | None = Field(
        None,
        description="Of q. reverse: KL(q || posterior), r learnt a data point at a time. forward: KL(posterior || q), "
        "which covers every mode, r learnt of whole data sets, within a budget of simulations. amortized: that of all "
        "data sets that the model can make, learnt once; posteriors of others take milliseconds. By default forward "
        "where nothing but global latents is to be learnt of at most 4 data points, as of one observation of a "
        "simulator, and these are no more than the numbers observed (or simulations is given, or the simulator is not "
        "JAX); else reverse.",
    )
    simulations: int | None = Field(
        None,
        ge=200,
        le=100_000_000,
        description="Under objectives forward and amortized, how many data sets may be simulated at most. By default "
        "100,000, or 10,000 of a simulator that is not JAX. Under forward a step makes no more than 4,096, or 512 "
        "outside JAX: a budget beyond that wants more steps.",
    )
    steps: int | None = Field(
        None,
        ge=100,
        le=1_000_000,
        description="Updates of the variational family. By default 12,000; under the forward objective 20,000 with at "
        "most 25,000 simulations, and 6,000 of a data set of more than 32 numbers; but no more than one for each of "
        "1,000 simulations (four where a data set has at most 10 numbers), and two for each of 10,000: more would be "
        "learnt by heart. With at most 25,000 simulations fewer where a Gaussian proves nearly enough: one for five "
        "simulations, 1,000 at least; where a data set has at most 10 numbers, of 1,000 simulations 2,000, of 4,000 "
        "twice and of 9,000 three times as many, in proportion fewer with more than 4 latents.",
    )
    start: Start | None = Field(
        None,
        description="Under the forward objective, the Gaussian that q begins with and where the first simulations of "
        "the fit proper are made, as from the answer of an amortized fit. By default the prior's.",
    )
    contrast: Contrast = Field(
        "marginal",
        description="What simulations are told apart from: simulations at other latents (marginal; calibrated), or the "
        "observed data (empirical; the original form, whose posteriors are not calibrated: r memorises the data).",
    )
    ratio_loss: RatioLossName | None = Field(
        None,
        description="Loss of the ratio estimator: multiclass (which of the latents made this point?), log, or hinge. "
        "By default multiclass for the marginal contrast, log for the empirical. Hinge estimates the sign of a log "
        "ratio, not its size, so posteriors come out too narrow.",
    )
    family: Family | None = Field(
        None,
        description="Gaussian after a change of variables. full_rank: all correlations but those between different "
        "data points' latents given the globals, of which a posterior of independent points has none; blocks: "
        "correlations among the globals and within a data point only; mean_field: none. amortized: as full_rank, the "
        "law of a data point's latents given by a network of the point (an inference network). flow: as full_rank, "
        "the globals' law bent by a normalising flow, for skewed, curved or heavy-tailed posteriors. By default "
        "full_rank; under the forward objective a flow from when a Gaussian proves not enough.",
    )
    latent_samples: int = Field(16, ge=2, le=1024, description="Latent draws per ratio update.")
    points: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="Data points simulated per latent draw and ratio update. By default an eighth of the data points, "
        "at least 64 (from several simulations, if there are fewer) and at most 512: the more there are, the less "
        "one of them says.",
    )
    disc_updates: int = Field(1, ge=1, le=100, description="Ratio updates per step.")
    gen_updates: int = Field(1, ge=1, le=100, description="Updates of the variational family per step.")
    gen_samples: int = Field(32, ge=2, le=4096, description="Latent draws per update of the variational family.")
    gen_points: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Data points per update of the variational family, where the update runs the program for them: by "
        "default at most 512 with latents of their own, at most 20,000 under klqp.",
    )
    proposal_width: float = Field(
        2.0,
        gt=0.0,
        le=10.0,
        description="Simulations are made at latents this much wider than the variational family. (The original form "
        "has contrast empirical and 1 here. Under it a variational program of your own is not widened.)",
    )
    disc_learning_rate: float | None = Field(
        None,
        gt=0.0,
        le=1.0,
        description="Of the ratio estimator. By default 0.005; under objective forward 0.003 for data sets of at most "
        "32 numbers, under amortized 0.001.",
    )
    gen_learning_rate: float = Field(
        0.1, gt=0.0, le=1.0, description="Of q. For natural gradients 1 is a Newton step; others do with a tenth."
    )
    disc_optimizer: OptimizerOptions = Field(OptimizerOptions(), description="Of the ratio estimator.")
    gen_optimizer: OptimizerOptions = Field(
        OptimizerOptions(name=NATURAL), description="Of q, in its own whitened coordinates."
    )
    ratio_estimators: int | None = Field(
        None,
        ge=1,
        le=32,
        description="Under the forward objective, how many ratio estimators learn of the same simulations, each from "
        "other weights; r is their mean. By default 1; with at most 25,000 simulations, where most of what one gets "
        "wrong is chance, 2, or up to 5 where these together make at most 20,000 updates, or 6,000 of a data set of "
        "more than 32 numbers.",
    )
    width: int | None = Field(
        None,
        ge=4,
        le=2048,
        description="Hidden units per layer of networks. By default 64; under objectives forward and amortized 128.",
    )
    rank: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Learnt features of the latents, beside the quadratic ones. By default 16; under the forward "
        "objective 64.",
    )

    stop_when_flat: bool = Field(
        False,
        description="End before all steps are made when the loss is flat: when its means over two successive windows, "
        "each a twentieth of the steps, differ by less than flat_tolerance standard errors.",
    )
    flat_tolerance: float = Field(1.0, gt=0.0, le=10.0, description="See stop_when_flat.")
    restarts: int = Field(
        1, ge=1, le=64, description="Fits with different seeds, made side by side by one compiled program."
    )
    restart_choice: RestartChoice = Field(
        "best",
        description="Of several restarts the one whose variational loss is least, each judged by the ratio estimators "
        "of all (best), or as many draws of each (pooled).",
    )
    resample: bool | None = Field(
        None,
        description="Store draws resampled from several times as many draws of q by Pareto-smoothed importance weights "
        "of the posterior (implicit_klqp: as the ratio estimator sees it); refused, with a warning, where k-hat is "
        "above 0.7. By default under objectives forward and amortized.",
    )

    @field_validator("disc_optimizer", "gen_optimizer")
    @classmethod
    def _optimizer_exists(cls, chosen: OptimizerOptions, info: ValidationInfo) -> OptimizerOptions:
        names = (*NAMES, NATURAL) if info.field_name == "gen_optimizer" else NAMES
        if chosen.name not in names:
            raise ValueError(f"optimizer {chosen.name!r} is not known; use one of {', '.join(names)}")
        try:
            chosen.resolved()
        except InferenceError as error:
            raise ValueError(str(error)) from error
        return chosen

    @model_validator(mode="after")
    def _loss_fits_contrast(self) -> Self:
        if self.contrast == "empirical" and self.ratio_loss == "multiclass":
            raise ValueError("ratio_loss 'multiclass' needs contrast 'marginal'; use 'log' or 'hinge'")
        return self

    @model_validator(mode="after")
    def _objective_has_its_options(self) -> Self:
        if self.start is not None and self.objective != "forward":
            raise ValueError("start is for objective 'forward': name it, or leave start out")
        if self.ratio_estimators is not None and self.objective != "forward":
            raise ValueError("ratio_estimators is for objective 'forward': name it, or leave ratio_estimators out")
        if self.objective in ("forward", "amortized"):
            wrong = self.unfit_for(self.objective)
            if wrong:
                raise ValueError(f"objective {self.objective!r} {wrong}")
        return self

    def unfit_for(self, objective: Literal["forward", "amortized"]) -> str | None:
        """Which of the options an objective for whole data sets has not, in words; None if it has all."""
        amortized = objective == "amortized"
        if self.method == "klqp":
            return "needs no likelihood: leave method 'klqp' out, or the objective"
        if self.contrast == "empirical" or self.ratio_loss not in (None, "multiclass"):
            return "knows contrast 'marginal' with ratio_loss 'multiclass' only"
        if amortized and self.family is not None:
            return "has a family of its own, a mixture: leave family out"
        if self.family not in (None, "full_rank", "flow"):
            return f"has families 'full_rank' and 'flow', not {self.family!r}"
        if self.restarts > 1:
            return "covers every mode from one start: leave restarts out"
        if self.stop_when_flat:
            return "spends its budget: leave stop_when_flat out, and give fewer steps and simulations"
        if self.gen_optimizer.name != NATURAL:
            return "moves q by moments and its own Adam: leave gen_optimizer out"
        if self.disc_optimizer.name in BY_ARRAY:
            return f"has its ratio estimator in one row: {self.disc_optimizer.name} treats each array by itself"
        unknown = ["points", "disc_updates", "gen_updates", "gen_samples", "gen_points"]
        for name in unknown + ["latent_samples", "rank", "proposal_width"] * amortized:
            if getattr(self, name) != type(self).model_fields[name].default:
                return f"has its own numbers of updates, features and draws: leave {name} out"
        return None

    def resolved_points(self, num_points: int) -> int:
        """Points simulated per update for a data set of `num_points`."""
        return min(num_points, self.points or min(512, max(64, num_points // 8)))

    def resolved_replicates(self, num_points: int) -> int:
        """How often a data set so small is simulated per latent draw and update: r has much to learn from each of few
        points."""
        if self.points is not None or num_points >= FEW_POINTS:
            return 1
        return min(MAX_REPLICATES, -(-FEW_POINTS // num_points))

    def resolved_simulations(self, *, external: bool) -> int:
        """The budget of the forward objective; `external`: the simulator is not JAX."""
        return self.simulations or (EXTERNAL_SIMULATIONS if external else SIMULATIONS)

    def resolved_steps(self, *, objective: Objective, external: bool, numbers: int) -> int:
        """Updates to make under this objective; `external`: the simulator is not JAX; `numbers`: of a data set."""
        if self.steps is not None:
            return self.steps
        if objective == "reverse":
            return STEPS
        simulations = self.resolved_simulations(external=external)
        # More for each would be learnt by heart: of 10,000 more than two; of 1,000 more than one, or than four where
        # there are few numbers to learn.
        each = min(max(1.0, math.log10(simulations / 100)), 2.0)
        if objective == "forward" and numbers <= SOON_LEARNT_NUMBERS:
            each = min(max(2.0, 4.0 - 2.0 * math.log10(simulations / 1000)), 4.0)
        return min(self._most_steps(objective=objective, external=external, numbers=numbers), int(each * simulations))

    def _most_steps(self, *, objective: Objective, external: bool, numbers: int) -> int:
        if objective != "forward":
            return STEPS
        if numbers > FEW_NUMBERS:
            return STEPS_OF_MANY_NUMBERS
        return STEPS_OF_FEW if self.resolved_simulations(external=external) <= FEW_SIMULATIONS else STEPS

    def few_steps(self, *, objective: Objective, external: bool, numbers: int, latents: int) -> int:
        """Steps that are enough under the forward objective where the posterior of so many latents is Gaussian; 0: all
        are to be made."""
        simulations = self.resolved_simulations(external=external)
        if self.steps is not None or objective != "forward" or simulations > FEW_SIMULATIONS:
            return 0
        few = max(FEWEST_STEPS, simulations // 5)
        if numbers <= SOON_LEARNT_NUMBERS:
            # The more latents, the more accidents there are to be learnt of the same simulations.
            share = min(1.0, SOON_LEARNT_LATENTS / latents)
            few = max(few, int(2000 * math.sqrt(simulations / 1000) * share))
        few = min(few, 2 * simulations)
        steps = self.resolved_steps(objective=objective, external=external, numbers=numbers)
        return few if few < steps else 0

    def resolved_disc_learning_rate(self, *, objective: Objective, numbers: int) -> float:
        """Of the ratio estimator under this objective; `numbers`: of a data set."""
        many = objective == "forward" and numbers > FEW_NUMBERS
        return self.disc_learning_rate or (RATIO_RATE_OF_MANY_NUMBERS if many else RATIO_RATES[objective])

    def resolved_ratio_estimators(self, *, objective: Objective, external: bool, numbers: int, steps: int) -> int:
        """How many ratio estimators learn in so many steps under this objective; `external`: the simulator is not
        JAX; `numbers`: of a data set."""
        if self.ratio_estimators is not None:
            return self.ratio_estimators
        if objective != "forward" or self.resolved_simulations(external=external) > FEW_SIMULATIONS:
            return 1
        most = self._most_steps(objective=objective, external=external, numbers=numbers)
        return min(MOST_RATIO_ESTIMATORS, max(FEWEST_RATIO_ESTIMATORS, most // steps))

    def resolved_gen_points(self, num_points: int) -> int:
        """Points per update of the variational family for a data set of `num_points`."""
        return min(num_points, self.gen_points or (20_000 if self.method == "klqp" else 512))

    @property
    def resolved_ratio_loss(self) -> RatioLossName:
        return self.ratio_loss or ("multiclass" if self.contrast == "marginal" else "log")
