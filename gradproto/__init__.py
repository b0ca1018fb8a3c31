"""Gradio's client protocol, without any I/O.

`Session` is the machine: it is told what a person wants and what the network brought, and says what to send and what
happened. `gradproto.wire` puts HTTP/1.1 bytes under it. The modules ``sync``, ``trio`` and ``asyncio`` of
``gradproto_transports`` put sockets under that, and are what a person uses who only wants to call an app.
"""

from __future__ import annotations

from ._api_info import Endpoint as Endpoint
from ._api_info import Endpoints as Endpoints
from ._api_info import Parameter as Parameter
from ._api_info import Return as Return
from ._commands import AbortExchange as AbortExchange
from ._commands import CloseWebSocket as CloseWebSocket
from ._commands import Command as Command
from ._commands import FilePart as FilePart
from ._commands import OpenWebSocket as OpenWebSocket
from ._commands import Request as Request
from ._commands import SendText as SendText
from ._commands import StartExchange as StartExchange
from ._config import Component as Component
from ._config import Config as Config
from ._config import Dependency as Dependency
from ._conversations import Conversation as Conversation
from ._errors import AppError as AppError
from ._errors import ArgumentError as ArgumentError
from ._errors import AuthenticationError as AuthenticationError
from ._errors import ConnectError as ConnectError
from ._errors import ConnectionLostError as ConnectionLostError
from ._errors import DeadlineExceeded as DeadlineExceeded
from ._errors import DuplicationError as DuplicationError
from ._errors import EndpointNotFoundError as EndpointNotFoundError
from ._errors import GradprotoError as GradprotoError
from ._errors import JobCancelledError as JobCancelledError
from ._errors import JobError as JobError
from ._errors import LocalProtocolError as LocalProtocolError
from ._errors import NoGPUAvailableError as NoGPUAvailableError
from ._errors import ProtocolError as ProtocolError
from ._errors import QueueFullError as QueueFullError
from ._errors import QuotaExceededError as QuotaExceededError
from ._errors import RateLimitedError as RateLimitedError
from ._errors import ReadError as ReadError
from ._errors import RemoteProtocolError as RemoteProtocolError
from ._errors import SessionExpiredError as SessionExpiredError
from ._errors import SpaceError as SpaceError
from ._errors import TransportError as TransportError
from ._errors import UnsupportedServerError as UnsupportedServerError
from ._errors import ValidationError as ValidationError
from ._errors import WriteError as WriteError
from ._errors import ZeroGPUError as ZeroGPUError
from ._events import CancelRefused as CancelRefused
from ._events import ChunkAccepted as ChunkAccepted
from ._events import ChunkRefused as ChunkRefused
from ._events import ConfigReceived as ConfigReceived
from ._events import ConnectRetried as ConnectRetried
from ._events import DownloadCompleted as DownloadCompleted
from ._events import DownloadDataReceived as DownloadDataReceived
from ._events import DownloadFailed as DownloadFailed
from ._events import DownloadRetried as DownloadRetried
from ._events import DownloadStarted as DownloadStarted
from ._events import EndpointsChanged as EndpointsChanged
from ._events import Event as Event
from ._events import FileUploaded as FileUploaded
from ._events import HubEvent as HubEvent
from ._events import HubFailed as HubFailed
from ._events import JobCancelled as JobCancelled
from ._events import JobCompleted as JobCompleted
from ._events import JobDataRequested as JobDataRequested
from ._events import JobFailed as JobFailed
from ._events import JobLogged as JobLogged
from ._events import JobProgressed as JobProgressed
from ._events import JobQueued as JobQueued
from ._events import JobRetried as JobRetried
from ._events import JobStarted as JobStarted
from ._events import JobUpdate as JobUpdate
from ._events import OutputGenerated as OutputGenerated
from ._events import QueueEstimated as QueueEstimated
from ._events import SessionExpired as SessionExpired
from ._events import SessionFailed as SessionFailed
from ._events import SessionReady as SessionReady
from ._events import SpaceDuplicated as SpaceDuplicated
from ._events import SpaceFound as SpaceFound
from ._events import SpaceStageReported as SpaceStageReported
from ._events import StreamLost as StreamLost
from ._events import UnknownMessageReceived as UnknownMessageReceived
from ._events import UploadProgressed as UploadProgressed
from ._files import FileData as FileData
from ._files import LocalFile as LocalFile
from ._files import handle_file as handle_file
from ._files import sanitize_name as sanitize_name
from ._hub_session import HubSession as HubSession
from ._jobs import Call as Call
from ._jobs import Job as Job
from ._jobs import OutputCursor as OutputCursor
from ._jobs import OutputHistory as OutputHistory
from ._json import JSONValue as JSONValue
from ._json import use_json as use_json
from ._payload import collapse as collapse
from ._payload import replace_files as replace_files
from ._retry import Retry as Retry
from ._session import Session as Session
from ._spaces import SpaceInfo as SpaceInfo
from ._states import JobState as JobState
from ._states import SessionState as SessionState
from ._status import ProgressUnit as ProgressUnit
from ._status import Status as Status
from ._status import StatusUpdate as StatusUpdate
from ._timeouts import Timeouts as Timeouts
from ._version import __version__ as __version__
from ._view_api import view_api_dict as view_api_dict
from ._view_api import view_api_text as view_api_text

__all__ = [
    "AbortExchange",
    "AppError",
    "ArgumentError",
    "AuthenticationError",
    "Call",
    "CancelRefused",
    "ChunkAccepted",
    "ChunkRefused",
    "CloseWebSocket",
    "Command",
    "Component",
    "Config",
    "ConfigReceived",
    "ConnectError",
    "ConnectRetried",
    "ConnectionLostError",
    "Conversation",
    "DeadlineExceeded",
    "Dependency",
    "DownloadCompleted",
    "DownloadDataReceived",
    "DownloadFailed",
    "DownloadRetried",
    "DownloadStarted",
    "DuplicationError",
    "Endpoint",
    "EndpointNotFoundError",
    "Endpoints",
    "EndpointsChanged",
    "Event",
    "FileData",
    "FilePart",
    "FileUploaded",
    "GradprotoError",
    "HubEvent",
    "HubFailed",
    "HubSession",
    "JSONValue",
    "Job",
    "JobCancelled",
    "JobCancelledError",
    "JobCompleted",
    "JobDataRequested",
    "JobError",
    "JobFailed",
    "JobLogged",
    "JobProgressed",
    "JobQueued",
    "JobRetried",
    "JobStarted",
    "JobState",
    "JobUpdate",
    "LocalFile",
    "LocalProtocolError",
    "NoGPUAvailableError",
    "OpenWebSocket",
    "OutputCursor",
    "OutputGenerated",
    "OutputHistory",
    "Parameter",
    "ProgressUnit",
    "ProtocolError",
    "QueueEstimated",
    "QueueFullError",
    "QuotaExceededError",
    "RateLimitedError",
    "ReadError",
    "RemoteProtocolError",
    "Request",
    "Retry",
    "Return",
    "SendText",
    "Session",
    "SessionExpired",
    "SessionExpiredError",
    "SessionFailed",
    "SessionReady",
    "SessionState",
    "SpaceDuplicated",
    "SpaceError",
    "SpaceFound",
    "SpaceInfo",
    "SpaceStageReported",
    "StartExchange",
    "Status",
    "StatusUpdate",
    "StreamLost",
    "Timeouts",
    "TransportError",
    "UnknownMessageReceived",
    "UnsupportedServerError",
    "UploadProgressed",
    "ValidationError",
    "WriteError",
    "ZeroGPUError",
    "__version__",
    "collapse",
    "handle_file",
    "replace_files",
    "sanitize_name",
    "use_json",
    "view_api_dict",
    "view_api_text",
]
