"""Fitting on a Dask cluster: joblib sends its tasks there, the folds of a training and the steps of its learning curve."""

from collections.abc import Iterator
from contextlib import contextmanager

import joblib

from models.errors import WiretagError

_TIMEOUT = 30  # seconds to find the scheduler and a worker


@contextmanager
def fitting_on(scheduler: str | None) -> Iterator[None]:
    """Whatever joblib runs in parallel inside runs on the workers of a scheduler; on this machine where there is none.

    Results are the same. Raises `WiretagError` for a scheduler that does not answer or has no workers.
    """
    if scheduler is None:
        yield
        return
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise WiretagError("--scheduler needs Dask; install it with `pip install 'wiretag[cluster]'`") from None
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):  # a fold is sent with its segments
        try:
            client = Client(scheduler, timeout=_TIMEOUT, set_as_default=False, name="wiretag")
        except (OSError, ValueError) as error:
            raise WiretagError(f"{scheduler}: no Dask scheduler answers here ({error})") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=_TIMEOUT)
            except TimeoutError:
                raise WiretagError(f"{scheduler}: the scheduler has no workers; start some with `dask worker`") from None
            with joblib.parallel_config("dask", client=client):
                yield
