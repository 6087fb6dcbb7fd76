"""Short segments set among topicless ones, as long as the wire's texts.

Authored segments are shorter and purer than scraped reports, which go on about other things; a threshold chosen on pure texts
lies too high for them. A splice carries the union of its parts' topics. All parts come from one side of a fold, so that no text
is on both.
"""

import random
from collections.abc import Sequence

from training.corpus import Segment
from training.recipe import SplicesRecipe


def splice(segments: Sequence[Segment], share: float, recipe: SplicesRecipe, rng: random.Random) -> list[Segment]:
    """`share` splices for every short segment; none where there is nothing topicless to splice with."""
    quiet = [segment for segment in segments if not segment.topics]
    short = [segment for segment in segments if len(segment.full_text.split()) < recipe.short]
    if not quiet or not short:
        return []
    spliced = []
    for number in range(round(share * len(short))):
        parts = [short[number % len(short)]]
        n_words = len(parts[0].full_text.split())
        target = rng.randint(recipe.shortest, recipe.longest)
        while n_words < target:
            parts.append(rng.choice(quiet))
            n_words += len(parts[-1].full_text.split())
        rng.shuffle(parts)
        topics = frozenset[str]().union(*(part.topics for part in parts))
        text = "\n".join(part.full_text for part in parts)
        spliced.append(Segment(f"splice-{number}", None, text, topics, parts[0].group, "spliced"))
    return spliced
