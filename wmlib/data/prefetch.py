"""Batches made ahead of their use, by a thread."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Prefetch(Generic[Batch]):
    """Iterate `make(i)` for i in [start, stop), made by a thread a few batches ahead.

    `waited` counts the seconds in which the consumer had to wait. An exception in `make` is raised
    in the consumer. Use as a context manager, so that the thread ends with the loop.
    """

    def __init__(self, make: Callable[[int], Batch], start: int, stop: int, ahead: int = 3) -> None:
        self.waited = 0.0
        self._make, self._range = make, range(start, stop)
        self._queue: queue.Queue[tuple[Batch | None, BaseException | None]] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Prefetch[Batch]":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():  # it may be blocked on a full queue
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def _work(self) -> None:
        for i in self._range:
            if self._stopped.is_set():
                return
            try:
                self._queue.put((self._make(i), None))
            except BaseException as error:
                self._queue.put((None, error))
                return

    def __iter__(self) -> Iterator[Batch]:
        for _ in self._range:
            start = time.perf_counter()
            batch, error = self._queue.get()
            self.waited += time.perf_counter() - start
            if error is not None:
                raise error
            yield batch  # type: ignore[misc]
