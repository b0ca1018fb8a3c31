"""A Gradio server without Gradio: for tests, for trying clients, and for seeing what the wire does.

:class:`FakeApp` is the app, made of functions; a shell lets it be reached: :class:`FakeServer` in a thread of its own,
:func:`serve_forever` in this one, :class:`InlineServer` in those of its clients, :class:`MemoryServer` with no thread
and no socket, and the module ``gradproto_fake_server.trio`` in trio, over sockets or in memory.
``gradproto_fake_server.pytest_plugin`` has fixtures of them.

:class:`FakeHub` is the Hugging Face Hub without Hugging Face: users, tokens, and Spaces, of which each has such an app.
:class:`FakeHubServer` and :class:`MemoryHub` serve it, and the module for trio does so too.

:class:`RecordingServer` writes down what a real server and its clients say, and :class:`ReplayServer` plays such a
:class:`Recording` again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._app import FakeApp as FakeApp
from ._components import Component as Component
from ._components import chatbot as chatbot
from ._components import checkbox as checkbox
from ._components import dropdown as dropdown
from ._components import file as file
from ._components import json_value as json_value
from ._components import number as number
from ._components import radio as radio
from ._components import slider as slider
from ._components import state as state
from ._components import textbox as textbox
from ._demo import demo_app as demo_app
from ._faults import FAULTS as FAULTS
from ._faults import Fault as Fault
from ._faults import FaultKind as FaultKind
from ._files import DirectoryFiles as DirectoryFiles
from ._files import MemoryFiles as MemoryFiles
from ._files import StoredFile as StoredFile
from ._http import ServerConnection as ServerConnection
from ._hub import FakeHub as FakeHub
from ._hub_accounts import HubToken as HubToken
from ._hub_accounts import HubUser as HubUser
from ._hub_spaces import HubSpace as HubSpace
from ._jobs import Job as Job
from ._log import RequestRecord as RequestRecord
from ._memory import MemoryConnection as MemoryConnection
from ._memory import MemoryHub as MemoryHub
from ._memory import MemoryServer as MemoryServer
from ._recording import Recording as Recording
from ._replay import ReplayApp as ReplayApp
from ._saved_app import SavedApp as SavedApp
from ._scripts import Completed as Completed
from ._scripts import Estimation as Estimation
from ._scripts import Failed as Failed
from ._scripts import Generating as Generating
from ._scripts import RawMessage as RawMessage
from ._scripts import ScriptStep as ScriptStep
from ._scripts import Starts as Starts
from ._steps import AppFailure as AppFailure
from ._steps import FakeFile as FakeFile
from ._steps import Hold as Hold
from ._steps import Log as Log
from ._steps import Progress as Progress
from ._steps import Sleep as Sleep
from ._steps import Step as Step
from ._steps import Steps as Steps
from ._validators import validate as validate

if TYPE_CHECKING:
    from ._inline import InlineServer as InlineServer
    from ._proxy import RecordingServer as RecordingServer
    from ._proxy import record_forever as record_forever
    from ._server import FakeHubServer as FakeHubServer
    from ._server import FakeServer as FakeServer
    from ._server import ReplayServer as ReplayServer
    from ._server import serve_forever as serve_forever

__all__ = [
    "FAULTS",
    "AppFailure",
    "Completed",
    "Component",
    "DirectoryFiles",
    "Estimation",
    "Failed",
    "FakeApp",
    "FakeFile",
    "FakeHub",
    "FakeHubServer",
    "FakeServer",
    "Fault",
    "FaultKind",
    "Generating",
    "Hold",
    "HubSpace",
    "HubToken",
    "HubUser",
    "InlineServer",
    "Job",
    "Log",
    "MemoryConnection",
    "MemoryFiles",
    "MemoryHub",
    "MemoryServer",
    "Progress",
    "RawMessage",
    "Recording",
    "RecordingServer",
    "ReplayApp",
    "ReplayServer",
    "RequestRecord",
    "SavedApp",
    "ScriptStep",
    "ServerConnection",
    "Sleep",
    "Starts",
    "Step",
    "Steps",
    "StoredFile",
    "chatbot",
    "checkbox",
    "demo_app",
    "dropdown",
    "file",
    "json_value",
    "number",
    "radio",
    "record_forever",
    "serve_forever",
    "slider",
    "state",
    "textbox",
    "validate",
]

# A pytest plugin must cost little where no test asks for a server: what has sockets is loaded when it is first used.
_LAZY = {
    "FakeHubServer": "_server",
    "FakeServer": "_server",
    "InlineServer": "_inline",
    "RecordingServer": "_proxy",
    "ReplayServer": "_server",
    "record_forever": "_proxy",
    "serve_forever": "_server",
}


def __getattr__(name: str) -> object:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
