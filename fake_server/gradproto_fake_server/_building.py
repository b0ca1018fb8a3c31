"""How an app is built: its endpoints, of which each stands on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from ._components import column
from ._documents import Layout
from ._endpoints import ComponentSpec, Endpoint, Visibility, check_playable, endpoint_from
from ._profiles import Profile

__all__ = ["Building"]

F = TypeVar("F", bound=Callable[..., Any])


class Building:
    """The half of :class:`FakeApp` that is for its author."""

    profile: Profile
    endpoints: list[Endpoint]
    _by_name: dict[str, Endpoint]
    _default_limit: int | None
    _documents: dict[tuple[str, str, str | None], bytes]
    _layout: Layout
    _pages: dict[str, str]
    _worker_count: int | None

    def named(self, name: str) -> Endpoint:
        """Give an endpoint."""
        raise NotImplementedError

    def endpoint(
        self,
        name: str,
        *,
        inputs: Sequence[ComponentSpec] | None = None,
        outputs: Sequence[ComponentSpec] | None = None,
        generates: bool | None = None,
        queue: bool = True,
        concurrency_limit: int | Literal["default"] | None = "default",
        concurrency_id: str | None = None,
        visibility: Visibility = "public",
        batch: bool = False,
        max_batch_size: int = 4,
        streaming: bool = False,
        time_limit: float | None = None,
        stream_every: float = 0.5,
        validator: Callable[..., Any] | None = None,
        renders: bool = False,
        page: str = "",
    ) -> Callable[[F], F]:
        """Make the decorated function an endpoint called ``name``, with its slash.

        Inputs and outputs come from its type hints, or are given as components or their short names. A generator
        function's yields are its outputs, unless its return annotation is :data:`Steps` or ``generates`` is false.
        ``concurrency_limit`` of its events run at once, ``None`` for any number; endpoints with one ``concurrency_id``
        share the limit.

        Events of a ``batch`` endpoint that wait together are one call, ``max_batch_size`` of them at most: its function
        gets a list for each input, and gives a list for each output.

        An event of a ``streaming`` endpoint lasts: its function is called for each frame that the client posts, until
        the client ends it or all calls together took ``time_limit`` seconds.

        The ``validator`` is called with an event's inputs before it may join the queue, and gives a :func:`validate`
        for each of them.

        An endpoint that ``renders`` gives functions by their names: they become endpoints of the session that called it
        in place of those that it gave before, and are told in its completion, as those of a ``gr.render`` are.

        It stands on the ``page`` of that route, which :meth:`add_page` made, or else on the first one.

        Raises ``TypeError`` for a type hint that has no component, and ``ValueError`` for what this Gradio cannot do.
        """

        def add(function: F) -> F:
            self._add(
                endpoint_from(
                    function,
                    name.removeprefix("/"),
                    len(self.endpoints),
                    inputs=inputs,
                    outputs=[column()] if renders else outputs,
                    page=page.strip("/"),
                    generates=generates,
                    render_id=sum(each.render_id is not None for each in self.endpoints) if renders else None,
                    queue=queue,
                    concurrency_limit=self._default_limit if concurrency_limit == "default" else concurrency_limit,
                    concurrency_id=concurrency_id or f"{name}#{len(self.endpoints)}",
                    visibility="undocumented" if renders else visibility,
                    batch=batch,
                    max_batch_size=max_batch_size,
                    streaming=streaming,
                    time_limit=time_limit,
                    stream_every=stream_every,
                    validator=validator,
                )
            )
            return function

        return add

    def add_page(self, route: str, name: str) -> None:
        """Add a page, as ``demo.route(name, route)`` does; the config tells what is on it.

        Raises ``ValueError`` for a route that there is, and for a Gradio without pages, before 5.15.
        """
        route = route.strip("/")
        if "pages" not in self.profile.config_keys:
            raise ValueError(f"Gradio {self.profile.version} has one page only")
        if route in self._pages:
            raise ValueError(f"there is a page /{route} already")
        self._pages[route] = name
        self._documents.clear()

    def cancel_endpoint(self, name: str, *, cancels: Sequence[str]) -> None:
        """Make an endpoint that cancels the caller's events of others, as ``click(fn=None, cancels=...)`` does.

        It works by a direct call with its index. Raises ``ValueError`` for a Gradio that has none, before 3.6, and
        ``LookupError`` for endpoints that do not exist.
        """
        if self.profile.cancel_endpoints == "absent":
            raise ValueError(f"Gradio {self.profile.version} has no endpoints that cancel others")
        endpoint = endpoint_from(
            lambda: None,
            name.removeprefix("/"),
            len(self.endpoints),
            inputs=(),
            outputs=(),
            generates=False,
            queue=False,
            concurrency_limit=None,
            concurrency_id=f"{name}#{len(self.endpoints)}",
            visibility="undocumented",
        )
        endpoint.cancels = tuple(self.named(other).index for other in cancels)
        self._add(endpoint)

    def _add(self, endpoint: Endpoint) -> None:
        if self._worker_count is not None:  # before 4.0 all endpoints share the workers
            endpoint.concurrency_id, endpoint.concurrency_limit = "#workers", self._worker_count
        check_playable(endpoint, self.profile, others=len(self.endpoints))
        if endpoint.page not in self._pages:
            raise ValueError(f"/{endpoint.name} stands on the page /{endpoint.page}, which there is not: use add_page")
        if endpoint.name in self._by_name:
            raise ValueError(f"there is an endpoint /{endpoint.name} already")
        self.endpoints.append(endpoint)
        self._by_name[endpoint.name] = endpoint
        self._layout.add(endpoint)
        self._documents.clear()
