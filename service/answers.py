"""What the service answers, as types.

The description of the API is made of them, and a test holds the answers to them. The views build plain dicts, as the pipeline
does for every use of it: an answer takes no second form on its way out.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from models.decisions import Decision, Reason
from models.segmenter import Role

# named values that depend on the serving model and the settings; `service.description` says what they are
TopicId = Annotated[str, Meta(extra_json_schema={"$ref": "#/components/schemas/TopicId"})]
ModelVersion = Annotated[str, Meta(extra_json_schema={"$ref": "#/components/schemas/ModelVersion"})]

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Offset = Annotated[int, Meta(ge=0, description="in code points of the submitted string")]


class Fault(Struct, forbid_unknown_fields=True):
    """One thing that is wrong with a request."""

    pointer: Annotated[str, Meta(description="JSON pointer into the request")]
    detail: str


class ProblemDocument(Struct, forbid_unknown_fields=True):
    """An error (RFC 9457). It never quotes a document."""

    type: Annotated[str, Meta(description="where this kind of error is explained, such as `/docs/errors#too-large`")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="what is wrong and what to do")]
    instance: Annotated[str | None, Meta(description="the request id, which stands in the log too")]
    errors: list[Fault] | UnsetType = UNSET


class Evidence(Struct, forbid_unknown_fields=True):
    """A word or pair of words that moved the score."""

    field: Annotated[Literal["text", "headline", "page"], Meta(description="the string that the offsets point into")]
    start: Offset
    end: Offset
    text: str
    contribution: Annotated[float, Meta(description="to the margin, in log-odds; negative speaks against")]


class TaggedTopic(Struct, forbid_unknown_fields=True):
    """A topic of a text. With `explain`: bias + the contributions + omitted = margin, and the score is its logistic."""

    topic: TopicId
    label: str
    uri: Annotated[str | None, Meta(description="the IPTC media topic, where there is one that is exactly this topic")]
    score: Annotated[float, Meta(ge=0, le=1, description="calibrated chance that the text is about the topic")]
    threshold: Annotated[float, Meta(ge=0, le=1, description="assigned from this score on")]
    decision: Annotated[
        Decision,
        Meta(
            description="`review`: near the threshold, where past documents were often wrong; `none` only for topics asked for"
        ),
    ]
    evidence: list[Evidence] | UnsetType = UNSET
    bias: float | UnsetType = UNSET
    omitted: Annotated[float, Meta(description="sum of the contributions that are not listed")] | UnsetType = UNSET
    margin: float | UnsetType = UNSET


class Segment(Struct, forbid_unknown_fields=True):
    """A story on a page."""

    role: Role
    spans: Annotated[
        list[tuple[Offset, Offset]],
        Meta(description="ranges [start, end) of the page in code points, in order; the headline's comes first"),
    ]
    headline: str | None
    source: str | None
    published: Annotated[str | None, Meta(description="as it stands on the page: `2 days ago`")]
    text: str
    duplicate_of: Annotated[int | str | None, Meta(description="the segment or document that has this story first")]
    topics: list[TaggedTopic]
    none: Annotated[bool, Meta(description="nothing is assigned")]
    reason: Annotated[Reason | None, Meta(description="why nothing is assigned")]


class Result(Struct, forbid_unknown_fields=True):
    """A document's topics: of the text, or of the page's main segment."""

    document_id: str | None
    model_version: ModelVersion
    topics: Annotated[list[TaggedTopic], Meta(description="best first")]
    none: Annotated[bool, Meta(description="nothing is assigned")]
    reason: Annotated[Reason | None, Meta(description="why nothing is assigned")]
    segments: Annotated[list[Segment], Meta(description="the stories of a page; empty for a text")]
    warnings: list[Literal["no_main_segment"]]
    related_topics: Annotated[list[TaggedTopic], Meta(description="of a page's other segments")] | UnsetType = UNSET
    page: Annotated[str, Meta(description="the text of an HTML page, which the spans point into")] | UnsetType = UNSET
    duplicate_of: Annotated[str, Meta(description="the document whose text this one repeats")] | UnsetType = UNSET


class UnusableDocument(Struct, forbid_unknown_fields=True):
    """A document of several that cannot be used, in its place."""

    document_id: str | None
    error: ProblemDocument


class Results(Struct, forbid_unknown_fields=True):
    """The results of several documents, in their order."""

    model_version: ModelVersion
    results: Annotated[  # msgspec knows no union of two untagged structs
        list[Any],
        Meta(
            extra_json_schema={
                "items": {"anyOf": [{"$ref": f"#/components/schemas/{each}"} for each in ("Result", "UnusableDocument")]}
            }
        ),
    ]


class TopicDefinition(Struct, forbid_unknown_fields=True):
    """A topic of the serving model."""

    id: TopicId
    label: str
    description: str
    definition: Annotated[str, Meta(description="what is in and what is out, as those who labelled read it")]
    uri: str | None
    threshold: Annotated[float, Meta(ge=0, le=1, description="assigned from this score on")]
    review_from: Annotated[float, Meta(ge=0, le=1, description="for review from this score on")]


class Topics(Struct, forbid_unknown_fields=True):
    """The topics of the serving model."""

    model_version: ModelVersion
    topics: list[TopicDefinition]


class Cut(Struct, forbid_unknown_fields=True):
    """Where a topic's scores are cut."""

    threshold: Share
    review: Share


class ManifestTopic(Struct, forbid_unknown_fields=True):
    """A topic as the manifest has it."""

    id: TopicId
    label: str
    description: str
    definition: str
    uri: str | None


class Calibration(Struct):
    """What the scores were calibrated for."""

    method: str
    prior: Annotated[float, Meta(gt=0, lt=1, description="share of a topic on the stream; WIRETAG_PRIOR sets others")]


class Corpus(Struct):
    """What the model learnt from."""

    sha256: str
    segments: Count
    topics: dict[str, Count]
    several: Count
    none: Count
    groups: Count
    words: Count


class Model(Struct):
    """The manifest of the serving model, its figures, and what scores with it."""

    format: int
    version: ModelVersion
    created: str
    topics: list[ManifestTopic]
    cuts: dict[str, Cut]
    calibration: Calibration
    features: dict[str, Any]
    recipe: dict[str, Any]
    code: Annotated[dict[str, str], Meta(description="versions of what made the model")]
    corpus: Corpus
    evaluation: Annotated[dict[str, dict[str, Any]], Meta(description="figures by the set they were measured on")]
    files: Annotated[dict[str, str], Meta(description="SHA-256 of every file of the release")]
    kernel: Literal["compiled", "reference"]


class Alive(Struct, forbid_unknown_fields=True):
    """The process answers."""

    status: Literal["alive"]


class Ready(Struct, forbid_unknown_fields=True):
    """A model is loaded and passed its self-test."""

    status: Literal["ready"]
    model_version: ModelVersion
    refused: str | UnsetType = UNSET
