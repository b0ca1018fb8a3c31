"""One call of an endpoint, from its arguments to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._api_info import Endpoint
from ._diff import DiffError, apply_diff
from ._errors import GradprotoError
from ._files import FileData, LocalFile
from ._json import JSONValue
from ._payload import OutputReader
from ._record import field, record, replace
from ._states import JOB_TABLE, JobInput, JobState, advance
from ._timers import Timer

if TYPE_CHECKING:
    from ._channels import Channel
    from ._conversations import Conversation
    from ._exchanges import Exchange
    from ._inputs import Inputs

__all__ = ["Call", "Job", "OutputHistory"]


@record(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was checked and can be submitted once the sizes of its files are known.

    ``data`` holds one value for each input of the endpoint, with placeholders for ``files``; ``encoded`` is the same as
    JSON, where there are no files to wait for. ``headers`` go with the requests that submit it, names in lower case.
    ``oauth_token`` lets the app's function act for the caller. ``conversation`` is the one that the call belongs to,
    ``None`` for the session's own.
    """

    endpoint: Endpoint
    data: list[object]
    files: tuple[LocalFile, ...] = ()
    encoded: bytes | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    event_data: JSONValue = None
    trigger_id: int | None = None
    oauth_token: str | None = field(default=None, repr=False)
    conversation: Conversation | None = field(default=None, repr=False)

    @property
    def wants_contents(self) -> bool:
        """Whether the I/O layer must fill in the contents of the files: Gradio before 3.19 takes no uploads."""
        return bool(self.files) and self.endpoint.payload == "inline"

    def with_contents(self, contents: list[bytes]) -> Call:
        """Return the same call with the files' contents, one for each of ``files``."""
        files = tuple(
            replace(file, source=content, size=len(content)) for file, content in zip(self.files, contents, strict=True)
        )
        return replace(self, files=files)

    def with_sizes(self, sizes: list[int], starts: list[int | None] | None = None) -> Call:
        """Return the same call with the files' sizes in bytes, one for each of ``files``.

        ``starts``: where open files stand; a call with an open file of which that is not known is not tried again when
        its upload has begun.
        """
        begin = [None] * len(sizes) if starts is None else starts
        files = tuple(file.with_size(size, start) for file, size, start in zip(self.files, sizes, begin, strict=True))
        return replace(self, files=files)

    @property
    def can_upload_again(self) -> bool:
        """Whether the files can be read once more; an open one has been read to some place by now."""
        return all(isinstance(file.source, (bytes, str)) or file.start is not None for file in self.files)


class OutputHistory:
    """Every output of a job, kept the way it came: the first whole, the later ones as edits of the one before.

    So a text that grows over many outputs takes the memory of its last value, not of the sum. Who wants to see the
    outputs replays them, from the first one, at the price of the edits. ``len()`` is the number of outputs so far; it
    only grows, and what lies below it never changes, so that another thread may replay while outputs arrive.
    """

    __slots__ = ("_steps", "current", "exact")

    def __init__(self) -> None:
        # Each step is (whole?, one whole value or list of edits for each output component).
        self._steps: list[tuple[bool, list[JSONValue]]] = []
        self.current: list[JSONValue] = []
        # False after edits that could not be applied: `current` is then not what the server has.
        self.exact: bool = True

    def __len__(self) -> int:
        return len(self._steps)

    def add_whole(self, data: list[JSONValue]) -> None:
        """Add an output given as full values."""
        self.current = data
        self.exact = True
        self._steps.append((True, data))

    def add_edits(self, edits: list[JSONValue]) -> None:
        """Add an output given as one list of edits for each component.

        Where it cannot be made of the output before, this raises `DiffError` and adds nothing.
        """
        if not self.exact:
            raise DiffError("an earlier edit could not be applied")
        try:
            self.current = _edit(self.current, edits)
        except DiffError:
            self.exact = False
            raise
        self._steps.append((False, edits))

    def step(self, index: int) -> tuple[bool, list[JSONValue]]:
        """Return output ``index`` as it came."""
        return self._steps[index]


class OutputCursor:
    """One reader's place among the outputs of a job; ``index`` is the number of outputs it has seen."""

    __slots__ = ("_current", "_history", "_reader", "index")

    def __init__(self, job: Job) -> None:
        self._history = job.history
        self._reader = OutputReader(job.endpoint)
        self._current: list[JSONValue] = []
        self.index: int = 0

    def advance(self) -> tuple[object, ...] | None:
        """Return the next output, as the values that a caller sees, or ``None`` if there is none yet."""
        if self.index >= len(self._history):
            return None
        whole, data = self._history.step(self.index)
        self._current = data if whole else _edit(self._current, data)
        self.index += 1
        return self._reader.read(self._current)


def _edit(values: list[JSONValue], edits: list[JSONValue]) -> list[JSONValue]:
    missing = len(edits) - len(values)
    if missing < 0:
        raise DiffError(f"there are edits for {len(edits)} of {len(values)} outputs")
    if missing:
        # An output component that appears in mid-stream (the app was reloaded) is edited from null.
        values = [*values, *([None] * missing)]
    return [apply_diff(value, edit) for value, edit in zip(values, edits, strict=True)]


class Job:
    """The state of one job. Drivers read it; only the session changes it."""

    def __init__(self, number: int, call: Call, conversation: Conversation) -> None:
        self.number = number
        self.call = call
        # The conversation whose State it sees, if its endpoint has any.
        self.conversation = conversation
        # As it was when the job began: what begins anew meanwhile is not the job's.
        self.epoch: int = conversation.epoch
        self.first_hash: str = conversation.session_hash
        self.endpoint: Endpoint = call.endpoint
        self.state: JobState = JobState.NEW
        self.history: OutputHistory = OutputHistory()
        # The last values, read as outputs, once the job is done.
        self.outputs: tuple[object, ...] = ()
        self.error: GradprotoError | None = None
        self.event_id: str | None = None
        self.session_hash = ""
        # What carries its messages, once it is on its way to the queue.
        self.channel: Channel | None = None
        # The request of its present step, which the job's end must stop.
        self.exchange: Exchange | None = None
        self.cancel_requested = False
        self.cancelling = False
        # Whether the server still has the event, as far as it told.
        self.pending = False
        # The time that it may spend where it is; for one that failed and begins anew, until it does.
        self.limit: Timer | None = None
        self.started = False
        # How many times it began anew, and its files that are on a server, with the number of that (see `Core.server`).
        self.retries = 0
        self.uploaded: tuple[int, Sequence[FileData]] | None = None
        # What is sent to the function while it runs, for those that take more than the first arguments.
        self.inputs: Inputs | None = None
        self._reader = OutputReader(call.endpoint)

    def __repr__(self) -> str:
        return f"<Job {self.number} of {self.endpoint.label} {self.state.value}>"

    def advance(self, cause: JobInput) -> None:
        """Go on to the next state, by the table."""
        self.state = advance(JOB_TABLE, self.state, cause, f"job {self.number}")

    @property
    def ended(self) -> bool:
        """Whether the job is over."""
        return not JOB_TABLE[self.state]

    @property
    def generates(self) -> bool:
        """Whether the function is known to give outputs one by one, so that the server can stop it between two."""
        return self.endpoint.is_generator or len(self.history) > 0

    def read(self, data: list[JSONValue]) -> tuple[object, ...]:
        """Return one output's data as the values that a caller sees; it shares with the output read before."""
        return self._reader.read(data)

    def cursor(self) -> OutputCursor:
        """Return a reader's place before the first output; it may be used from another thread."""
        return OutputCursor(self)
