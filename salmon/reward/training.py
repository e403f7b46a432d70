"""Training of the reward model's adapter and head, in one phase or several."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from salmon.config.reward import RewardConfig
from salmon.config.training import OptimSettings, SupervisedSettings
from salmon.models.base import SharedModel
from salmon.models.device import products_in_bf16
from salmon.models.heads import Head, new_head, save_scalar_model
from salmon.models.initial_adapters import load_initial_scalar_model
from salmon.models.packing.forward import last_states
from salmon.reward.comparisons import RewardComparison
from salmon.reward.objective import reward_objective
from salmon.stage.context import StageContext
from salmon.training.supervised import EarlyStop, PeriodicMeasurement, TrainingRun, fit
from salmon.training.trainer import Trainer

ADAPTER = "reward"


@dataclass(frozen=True)
class RewardAdapter:
    """The adapter ``reward`` on the shared base, with its head."""

    shared: SharedModel
    head: Head
    autocast: bool = False  # ``reward.autocast``

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """What is trained, by name."""
        return self.shared.parameters_of(ADAPTER) | {f"head.{k}": p for k, p in self.head.named_parameters()}

    def scores(self, comparisons: Sequence[RewardComparison]) -> tuple[Tensor, Tensor]:
        """Scores [B] of the preferred and [B] of the rejected inputs, under the active adapter."""
        inputs = [c.chosen for c in comparisons] + [c.rejected for c in comparisons]
        with products_in_bf16(self.shared.model, self.shared.device, self.autocast):
            states = last_states(self.shared, inputs, self.head.layers)
        chosen, rejected = self.head(states).split(len(comparisons))
        return chosen, rejected

    def save(self, folder: Path) -> None:
        """Write adapter and head."""
        save_scalar_model(self.shared, ADAPTER, self.head, folder)


def new_reward_adapter(shared: SharedModel, settings: RewardConfig, seed: int) -> RewardAdapter:
    """The adapter and head that training begins with: those of ``reward.start``, else new ones."""
    if settings.start is not None:
        head = load_initial_scalar_model(shared, ADAPTER, settings.start, settings.head, settings.layers)
        return RewardAdapter(shared, head, settings.autocast)
    shared.add_adapter(ADAPTER, seed, settings.layers, settings.first_layer)
    return RewardAdapter(shared, new_head(shared, settings.head, seed, settings.layers), settings.autocast)


@dataclass(frozen=True)
class TrainingPhase:
    """One training in the making of a reward model."""

    name: str  # prefix of its metrics
    part: str = ""  # of a phase that has several trainings: names the file of an interrupted one
    early_stop: EarlyStop | None = None
    measurement: PeriodicMeasurement | None = None


class RewardTraining:
    """The phases of a reward model's training, one after the other; their steps are counted on."""

    def __init__(self, model: RewardAdapter, ctx: StageContext, seed: int, consistency: float) -> None:
        """``consistency``: weight of the consistency loss."""
        self._model, self._ctx, self._seed, self._consistency = model, ctx, seed, consistency
        self._steps = 0  # of the phases so far
        self._trainer: Trainer | None = None  # within ``one_optimiser``

    @contextmanager
    def one_optimiser(self, optim: OptimSettings) -> Iterator[None]:
        """Within the context each training goes on with the optimiser's state of the one before it."""
        with closing(Trainer(self._model.parameters, optim)) as self._trainer:
            yield
        self._trainer = None

    def train(
        self, phase: TrainingPhase, groups: Sequence[Sequence[RewardComparison]], settings: SupervisedSettings
    ) -> dict[str, float]:
        """Train over groups of comparisons; continues what an interrupted run did.

        Args:
            phase: its name, and what accompanies its steps.
            groups: comparisons of one pair each, which are read together; a group is a row of ``settings``.
            settings: of the training.

        Returns:
            The metrics of its last step.
        """
        name, model = phase.name, self._model
        objective = reward_objective(model.scores, name, self._consistency)
        run = TrainingRun(
            name,
            self._seed,
            self._ctx.state / f"state_{name}{phase.part}.pt",
            model.shared.tokens_at_once,
            self._ctx.tracker,
            shown=[f"{name}/loss", f"{name}/accuracy", f"{name}/margin", "optim/grad_norm"],
            first_step=self._steps,
            early_stop=phase.early_stop,
            measurement=phase.measurement,
        )
        kept = self._trainer
        with (
            nullcontext(kept) if kept else closing(Trainer(model.parameters, settings.optim)) as trainer,
            model.shared.using(ADAPTER),
        ):
            trainer.optim = settings.optim
            trained = fit(trainer, groups, settings, objective, run)
        self._steps += trained.steps
        return trained.metrics
