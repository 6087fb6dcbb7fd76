"""The one tree of errors. Commands print the message and exit; the service turns it into a problem document.

WiretagError              the work failed: exit status 1, HTTP 500
├── InputError            a document, file or option cannot be used: exit status 1, HTTP 422
├── CorpusError           labelled data break the contract
├── TopicsError           the topics file breaks the contract
├── ReleaseError          a model folder is missing, foreign, damaged or newer than this code
└── StoreError            the corrections store cannot be used just now: exit status 1, HTTP 503
"""


class WiretagError(Exception):
    """Something this program was asked to do failed; the message names the input and the remedy."""


class InputError(WiretagError):
    """A document, file or option that cannot be used as it stands.

    `pointer` is a JSON pointer into the request where there is one ("/text"), else "".
    """

    def __init__(self, message: str, pointer: str = ""):
        super().__init__(message)
        self.pointer = pointer


class CorpusError(WiretagError):
    """Labelled data that break the contract; `problems` holds every fault found, each naming its line."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()):
        super().__init__(message)
        self.problems = problems


class TopicsError(WiretagError):
    """A topics file that breaks the contract."""


class ReleaseError(WiretagError):
    """A model folder that is missing, foreign, damaged or newer than this code."""


class StoreError(WiretagError):
    """The corrections store cannot be used. The message names the database, never a password or what was to be stored.

    `fault` says in a few words what is wrong, without naming the database: it may be shown to anybody.
    """

    def __init__(self, message: str, fault: str):
        super().__init__(message)
        self.fault = fault
