"""What may change while a session lives: the app behind the address, and what ``gr.render`` made for the session.

A server that was started anew may have other functions under the same numbers. A client notices a restart only by a
connection that breaks. So after a loss the config is asked for again, before the next job is sent; a job whose endpoint
is not what it was fails instead of running something else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from ._answers import answer_error
from ._api_info import ApiInfo, Endpoint, Endpoints, build_api_info, parse_api_info
from ._config import Config, parse_config, with_rendered
from ._core import Core
from ._dialects import Dialect, choose_dialect
from ._errors import EndpointNotFoundError, GradprotoError, UnsupportedServerError
from ._events import EndpointsChanged, UnknownMessageReceived
from ._exchanges import Headers, ShortExchange, header_value
from ._fields import FieldError
from ._jobs import Job
from ._json import JSONValue
from ._record import replace
from ._urls import redact_url

__all__ = ["Refresh", "rendered"]


class Refresh:
    """Looks at the app again, and lets jobs wait for that."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.exchange: ShortExchange | None = None
        self._waiting: list[tuple[Job, Callable[[], None]]] = []
        # What the server says now, until it is wholly known: half of it would be the wrong functions under old numbers.
        self._found: tuple[Config, Dialect] | None = None

    def before(self, job: Job, go_on: Callable[[], None]) -> None:
        """Let the job ``go_on`` when it is known that its endpoint is still there."""
        self._waiting.append((job, go_on))
        if self.exchange is None:
            self._ask(_ConfigAgain(self), self.core.base_url + "/config")

    def config_came(self, config: Config) -> None:
        """See whether it is the same app."""
        core = self.core
        assert core.config is not None
        if _shape(config) == _shape(core.config):
            self._same(config)
            return
        dialect = choose_dialect(config, redact_url(core.base_url))
        self._found = (config, dialect)
        if dialect.info_route:
            self._ask(_InfoAgain(self), core.base_url + config.api_prefix + dialect.info_route)
        else:
            self.info_came(None)

    def info_came(self, info: ApiInfo | None) -> None:
        """The app is another one, and this is its description."""
        core = self.core
        assert self._found is not None
        config, dialect = self._found
        core.understood(config, dialect)
        core.described(Endpoints(config, info if info is not None else build_api_info(config), dialect.payload))
        for conversation in core.conversations:
            conversation.drop_rendered()
        core.stale = False
        core.server += 1
        core.events.append(EndpointsChanged(config=config))
        for job, go_on in self._take():
            try:
                self._move(job)
            except EndpointNotFoundError as error:
                core.fail(job, error)
            else:
                go_on()

    def failed(self, error: GradprotoError) -> None:
        """The app cannot be looked at, so that nothing is sent to it either."""
        for job, _ in self._take():
            self.core.fail_or_retry(job, error, unrun=True)

    def _ask(self, exchange: ShortExchange, url: str) -> None:
        self.exchange = exchange
        headers = (("accept", "application/json"),)
        self.core.exchanges.start(exchange, "GET", url, headers=headers, safe_to_repeat=True)

    def _same(self, config: Config) -> None:
        """The app is the same, perhaps started anew."""
        core = self.core
        core.stale = False
        assert core.config is not None
        # Servers before 3.42 do not say which they are.
        core.server += config.app_id is None or config.app_id != core.config.app_id
        if config.app_id != core.config.app_id:
            core.config = replace(core.config, app_id=config.app_id)
            # What was rendered went with the server that had it.
            for conversation in core.conversations:
                conversation.forget_rendered()
        for _, go_on in self._take():
            go_on()

    def _take(self) -> list[tuple[Job, Callable[[], None]]]:
        self.exchange = None
        waiting, self._waiting = self._waiting, []
        return [one for one in waiting if not one[0].ended]

    def _move(self, job: Job) -> None:
        """Let the job be one of the new app's endpoint, if that is called in the same way."""
        endpoints = self.core.endpoints
        assert endpoints is not None
        old = job.endpoint
        fn_index = None if old.api_name is not None else old.fn_index
        new = endpoints.resolve(api_name=old.api_name, fn_index=fn_index)
        if _signature(new) != _signature(old):
            raise EndpointNotFoundError(
                f"the app was started anew, and {old.label} is another function now", hint="call it again"
            )
        job.endpoint = new
        job.call = replace(job.call, endpoint=new)


def rendered(core: Core, job: Job, document: JSONValue) -> None:
    """A function made other functions for its session: they can be called from now on, in that session."""
    conversation = job.conversation
    # In a conversation that was reset meanwhile they could not be called.
    if not isinstance(document, dict) or job.session_hash != conversation.session_hash:
        return
    try:
        config = with_rendered(conversation.config, document)
    except FieldError as error:
        core.events.append(
            UnknownMessageReceived(session_hash=job.session_hash, message=document, reason=f"job {job.number}: {error}")
        )
        return
    conversation.rendered(config)


def _shape(config: Config) -> object:
    """Return what must be equal for calls to mean the same."""
    functions = [
        (one.id, one.api_name, one.visibility, one.backend_fn, one.inputs, one.outputs) for one in config.dependencies
    ]
    used = {number for one in config.dependencies for number in (*one.inputs, *one.outputs)}
    kinds = [(number, config.components[number].type) for number in sorted(used) if number in config.components]
    return config.version, config.protocol, config.api_prefix, functions, kinds


def _signature(endpoint: Endpoint) -> object:
    """Return what must be equal for arguments that were bound to one endpoint to fit another."""
    inputs = [(slot.component.type if slot.component is not None else None, slot.fill) for slot in endpoint.inputs]
    outputs = [(slot.position, slot.component.type if slot.component else None) for slot in endpoint.outputs]
    names = [parameter.name for parameter in endpoint.parameters]
    return inputs, outputs, names, endpoint.queued, endpoint.payload


class _ConfigAgain(ShortExchange):
    """The request for the config."""

    def __init__(self, refresh: Refresh) -> None:
        super().__init__("the config", timeout=refresh.core.timeouts.request)
        self._refresh = refresh

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        try:
            if status != 200:
                raise answer_error(status, headers, body, what=self.what, url=self.request.url)
            content_type = header_value(headers, "content-type") or ""
            self._refresh.config_came(parse_config(body, content_type=content_type, url=self.request.url))
        except GradprotoError as error:
            self._refresh.failed(error)

    def failed(self, error: GradprotoError) -> None:
        self._refresh.failed(error)


class _InfoAgain(ShortExchange):
    """The request for the description."""

    def __init__(self, refresh: Refresh) -> None:
        super().__init__("the API description", timeout=refresh.core.timeouts.request)
        self._refresh = refresh

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        info = None
        if status == 200:
            # As at first: then the config says what there is.
            with contextlib.suppress(UnsupportedServerError):
                info = parse_api_info(body, url=self.request.url)
        self._refresh.info_came(info)

    def failed(self, error: GradprotoError) -> None:
        self._refresh.failed(error)
