"""Rows on their way: unsent chunks without a number, and the window of numbered batches not settled yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from argus_client._wire import FRAME_OVERHEAD_BYTES, BatchEncoder, decode_batch
from argus_client.samples import Samples

UNLIMITED: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Chunk:
    """Encoded rows that have no number yet; `first` counts the rows that were taken before them."""

    rows: int
    payload: bytes
    first: int = 0


@dataclass(slots=True, eq=False)
class Batch:
    """A numbered chunk that is not settled yet."""

    sequence: int
    rows: int
    payload: bytes
    first: int = 0


def split_samples(samples: Samples, rows: int, encoder: BatchEncoder) -> deque[Chunk]:
    """Encodes samples in chunks of at most `rows` rows."""
    if len(samples) <= rows:
        return deque([Chunk(len(samples), encoder.encode(samples))] if len(samples) else ())
    parts = (samples.rows(start, start + rows) for start in range(0, len(samples), rows))
    return deque(Chunk(len(part), encoder.encode(part)) for part in parts)


class SendBuffer:
    """Holds rows until they are settled, in the order they came.

    Args:
        max_rows: Rows it may hold.
        batch_rows: Rows of a batch at most, whatever the server allows.

    Attributes:
        window: Numbered batches, by number.
        out: How many of them, from the oldest, are out on the present stream.
    """

    def __init__(self, max_rows: int, batch_rows: int) -> None:
        self.window: deque[Batch] = deque()
        self.out = 0
        self.next_sequence = 1
        self.max_in_flight = UNLIMITED
        self._max_rows = max_rows
        self._configured_batch_rows = batch_rows
        self._batch_rows = batch_rows
        self._row_cap = UNLIMITED
        self._payload_bytes = UNLIMITED
        self._unsent: deque[Chunk] = deque()
        self._unsent_rows = 0
        self._window_rows = 0
        self._taken_rows = 0

    @property
    def settled(self) -> int:
        """How many of the first rows taken are all settled: none before this one is held any more."""
        held = [batch.first for batch in self.window]
        if self._unsent:
            held.append(self._unsent[0].first)
        return min(held, default=self._taken_rows)

    @property
    def rows(self) -> int:
        """Rows held."""
        return self._unsent_rows + self._window_rows

    @property
    def highest_out(self) -> int:
        """Number of the newest batch out on the present stream; 0 when none is."""
        return self.window[self.out - 1].sequence if self.out else 0

    def has_room(self, rows: int) -> bool:
        """Whether so many more rows may be held."""
        return self.rows + rows <= self._max_rows

    def append(self, chunk: Chunk) -> None:
        """Takes rows."""
        self._unsent.append(Chunk(chunk.rows, chunk.payload, self._taken_rows))
        self._unsent_rows += chunk.rows
        self._taken_rows += chunk.rows

    def drop_oldest(self) -> int:
        """Gives up the unsent chunk that has waited longest; returns its rows, 0 when all are numbered."""
        if not self._unsent:
            return 0
        lost = self._unsent.popleft()
        self._unsent_rows -= lost.rows
        return lost.rows

    def clear(self) -> int:
        """Gives up everything; returns how many rows that was."""
        lost = self.rows
        self._unsent.clear()
        self.window.clear()
        self._unsent_rows = self._window_rows = self.out = 0
        return lost

    def find(self, sequence: int) -> Batch | None:
        """The batch of this number, while it is held."""
        return next((batch for batch in self.window if batch.sequence == sequence), None)

    def advance(self) -> tuple[Batch, int] | None:
        """The next batch to send, and how many of its rows go out for the first time; None: there is none."""
        if self.out >= self.max_in_flight:
            return None
        fresh = 0
        if self.out == len(self.window) and not (fresh := self._number_next()):
            return None
        batch = self.window[self.out]
        self.out += 1
        return batch, fresh

    def set_limits(self, batch_rows: int, batch_bytes: int, in_flight: int) -> None:
        """The server's limits; 0 is none."""
        self.max_in_flight = in_flight or UNLIMITED
        self._batch_rows = min(self._configured_batch_rows, batch_rows or UNLIMITED)
        self._payload_bytes = max(1, (batch_bytes or UNLIMITED) - FRAME_OVERHEAD_BYTES)

    def cap_batch_rows(self, rows: int) -> None:
        """Makes batches smaller than the server asked for, because it has refused larger ones."""
        self._row_cap = max(1, min(self._row_cap, self._batch_rows, rows))

    def halve_batch_rows(self) -> None:
        """The same, when it is not known how large the refused one was."""
        self.cap_batch_rows(min(self._batch_rows, self._row_cap) // 2)

    def renumber(self, first: int) -> None:
        """Splits what exceeds the limits and numbers the window from `first` on; then nothing is out."""
        if not all(self._fits(batch.rows, len(batch.payload)) for batch in self.window):
            waiting: deque[Chunk | Batch] = deque(self.window)
            self.window.clear()
            while waiting:
                chunk = waiting.popleft()
                if self._fits(chunk.rows, len(chunk.payload)):
                    self.window.append(Batch(0, chunk.rows, chunk.payload, chunk.first))
                else:
                    waiting.extendleft(reversed(_halves(chunk)))
        for sequence, batch in enumerate(self.window, first):
            batch.sequence = sequence
        self.next_sequence = first + len(self.window)
        self.out = 0

    def settle_until(self, sequence: int) -> list[Batch]:
        """Takes the batches up to this number out of the window."""
        settled: list[Batch] = []
        while self.window and self.window[0].sequence <= sequence:
            batch = self.window.popleft()
            self._window_rows -= batch.rows
            settled.append(batch)
        self.out = max(0, self.out - len(settled))
        return settled

    def remove(self, batch: Batch) -> None:
        """Takes one batch out of the window."""
        index = self.window.index(batch)
        del self.window[index]
        self._window_rows -= batch.rows
        if index < self.out:
            self.out -= 1

    def return_halved(self, batch: Batch) -> None:
        """Takes a batch out of the window and puts its rows, in two chunks, before what was taken after them."""
        self.remove(batch)
        place = 0
        while place < len(self._unsent) and self._unsent[place].first < batch.first:
            place += 1
        for half in reversed(_halves(batch)):
            self._unsent.insert(place, half)
        self._unsent_rows += batch.rows

    def _number_next(self) -> int:
        """Moves the next unsent rows into the window as one batch; returns how many."""
        if not self._unsent:
            return 0
        while not self._fits(self._unsent[0].rows, len(self._unsent[0].payload)):
            self._unsent.extendleft(reversed(_halves(self._unsent.popleft())))
        # Half of the buffer stays free of rows in flight: that is what may be dropped for newer ones.
        if self.window and self._window_rows + self._unsent[0].rows > self._max_rows // 2:
            return 0
        chunk = self._unsent.popleft()
        first, rows, size, payloads = chunk.first, chunk.rows, len(chunk.payload), [chunk.payload]
        while self._unsent:
            chunk = self._unsent[0]
            if not self._fits(rows + chunk.rows, size + len(chunk.payload)):
                break
            self._unsent.popleft()
            rows += chunk.rows
            size += len(chunk.payload)
            payloads.append(chunk.payload)
        self.window.append(Batch(self.next_sequence, rows, b"".join(payloads), first))
        self.next_sequence += 1
        self._unsent_rows -= rows
        self._window_rows += rows
        return rows

    def _fits(self, rows: int, size: int) -> bool:
        """Whether so much may be one batch. A single row always is one: it cannot be made smaller."""
        return rows == 1 or (rows <= min(self._batch_rows, self._row_cap) and size <= self._payload_bytes)


def _halves(chunk: Chunk | Batch) -> list[Chunk]:
    half = -(-chunk.rows // 2)
    first, second = split_samples(decode_batch(chunk.payload), half, BatchEncoder())
    # Chunks merged into one batch come in their order, so that no row lies before where this says it does.
    return [Chunk(half, first.payload, chunk.first), Chunk(second.rows, second.payload, chunk.first + half)]
