"""The types of requests and answers."""

import subprocess
import sys

_UNREADY = """
import msgspec
from service.app import create_app
create_app()

def structs(base):
    for struct in base.__subclasses__():
        yield struct
        yield from structs(struct)

for struct in structs(msgspec.Struct):
    struct.__annotations__.clear()  # from here on nothing more can be worked out
    msgspec.json.Decoder(struct)
"""


def test_every_type_is_ready_before_the_first_request() -> None:
    """msgspec works a type out at its first use; two threads that do so together would crash a worker."""
    assert subprocess.run([sys.executable, "-c", _UNREADY], check=False, timeout=60).returncode == 0
