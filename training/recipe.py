"""How a model is made, as data."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from models.errors import InputError

DEFAULT_PATH = Path(__file__).with_name("recipe.toml")


@dataclass(frozen=True, slots=True)
class FeaturesRecipe:
    """Which features there are and what they weigh."""

    min_segments: int
    kinds: bool
    pair_weight: float
    background: str
    background_segments: int
    background_words: int


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """The linear model."""

    inverse_regularisation: float
    long: int
    beginning: int


@dataclass(frozen=True, slots=True)
class DecisionsRecipe:
    """How chances become decisions.

    A topic is assigned from the calibrated chance `chance` on, the cost-sensitive rule of Elkan (2001): at 0.75 a false alarm
    costs as much as three misses. Calibration on held-out folds turns that into a margin for every topic. Rules that read a
    margin off the folds themselves (a precision, a share of the best F1) move with every batch of labels: EXPERIMENTS.md.
    """

    folds: int
    prior: float
    chance: float
    review: float


@dataclass(frozen=True, slots=True)
class StreamedRecipe:
    """What a streamed fit does otherwise (docs/scale.md): bounds on the features, and how often it goes through the rows."""

    words: int = 200_000
    pairs: int = 500_000
    epochs: int = 5


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that makes a model besides the labelled segments and the topics."""

    edition: str
    created: str
    features: FeaturesRecipe
    model: ModelRecipe
    decisions: DecisionsRecipe
    streamed: StreamedRecipe = StreamedRecipe()

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]


def load_recipe(path: Path = DEFAULT_PATH) -> Recipe:
    """The recipe of a TOML file. Raises `InputError` naming the file and the fault."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Recipe)
    except FileNotFoundError:
        raise InputError(f"{path}: no such recipe; leave out --recipe for the shipped one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: not a usable recipe ({error})") from None
