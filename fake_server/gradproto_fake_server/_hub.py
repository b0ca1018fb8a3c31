"""The fake Hub: its accounts, its Spaces and their apps, with the clock in somebody else's hands."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from urllib.parse import urlsplit

from ._app import FakeApp
from ._demo import demo_app
from ._faults import Failing, Faults
from ._http import Exchange, ServerConnection
from ._hub_accounts import HubToken, HubUser, OrgRole, TokenRole
from ._hub_api import ApiFront
from ._hub_front import Front
from ._hub_hardware import HARDWARE
from ._hub_limits import RateLimit
from ._hub_routes import ROUTES
from ._hub_spaces import CPU_BASIC_SLEEP, Gating, HubSpace, Stage
from ._json import compact_json
from ._listening import Listening
from ._log import RequestRecord, check_closed, check_requested, check_strict
from ._profiles import Profile, profile_for
from ._schedule import Schedule

__all__ = ["FakeHub", "OpenAddress"]

OpenAddress = Callable[[str, Callable[[], ServerConnection]], str]
"""How a shell makes an address: it is told the subdomain and whom to connect clients to, and gives the URL."""

_REMEMBERED_REQUESTS = 10_000
_REMEMBERED_ADDRESSES = 32  # each is a socket that listens
_MEMORY_URL = "http://hub.test"
_MEMORY_DOMAIN = ".hf.test"


def _memory_address(subdomain: str, _connect: Callable[[], ServerConnection]) -> str:
    return f"http://{subdomain}{_MEMORY_DOMAIN}"


class FakeHub(Failing):
    """The Hugging Face Hub without Hugging Face: its API for Spaces, and each Space with the proxy in front of it.

    As :class:`FakeApp` it does no I/O, reads no clock and makes no randomness; the same shells serve it. Each Space has
    an address of its own, :attr:`HubSpace.host`, and an app of its own.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        build_seconds: float = 0.0,
        start_seconds: float = 0.0,
        page_size: int = 1000,
        started_at: float = 1_750_000_000.0,
    ) -> None:
        """Make a Hub on which there is nothing.

        A Space is built for ``build_seconds`` and starts for ``start_seconds``, unless it has times of its own; a list
        has ``page_size`` items a page; ``started_at`` is the date of time zero, in seconds since 1970.
        """
        self.build_seconds = build_seconds
        self.start_seconds = start_seconds
        self.page_size = page_size
        self.url: str = _MEMORY_URL
        """Where it is, without a slash at the end; the shell sets it."""
        self.schedule: Schedule = Schedule()
        self.profile: Profile = profile_for("6.31.0")
        """How the server of the Hub itself behaves where that is not the Hub's own business."""
        self.users: dict[str, HubUser] = {}
        self.spaces: dict[str, HubSpace] = {}
        """By id, in the order in which they were made."""
        self.requests: deque[RequestRecord] = deque(maxlen=_REMEMBERED_REQUESTS)
        """The newest requests to the Hub and to all Spaces, oldest first; ``site`` says to whom."""
        self.ready: dict[ServerConnection, None] = {}
        """Connections that may have something to send or want to be closed; the shell empties it."""
        self.faults: Faults = Faults()
        self.listening: Listening = Listening(self.schedule)
        """Whether clients can connect, to the Hub and to its Spaces."""
        self.rate_limit: RateLimit | None = None
        self._date_offset = started_at
        self._seed = f"hub/{seed}/"
        self._minted = 0
        self._connection_count = 0
        self._request_count = 0
        self._open: dict[int, RequestRecord] = {}
        self._on_disk = False
        self._tokens: dict[str, HubToken] = {}
        self._org_ids: dict[str, str] = {}
        self._old_names: dict[str, str] = {}
        self._signatures: dict[str, tuple[HubSpace, HubToken, float]] = {}
        self._apps: dict[FakeApp, None] = {}
        self._api = ApiFront(self, ROUTES)
        self._nowhere = Front(self, "")
        self._fronts: dict[str, Front] = {}
        """By subdomain."""
        self._open_address: OpenAddress = _memory_address
        self._close_address: Callable[[str], None] = lambda _: None
        self._left: deque[str] = deque()
        """Addresses of Spaces that are there no more, where clients are still told so."""

    # -- building

    def add_user(
        self,
        name: str,
        *,
        orgs: Sequence[str] | Mapping[str, OrgRole] = (),
        is_pro: bool = False,
        can_pay: bool = True,
    ) -> HubUser:
        """Add an account, a member of organisations (with the role ``write`` unless it is given).

        Raises ``ValueError`` for a name that is taken.
        """
        if name in self.users:
            raise ValueError(f"there is a user {name!r} already")
        roles: dict[str, OrgRole] = dict(orgs) if isinstance(orgs, Mapping) else dict.fromkeys(orgs, "write")
        user = HubUser(
            name=name,
            id=self.new_id(24),
            fullname=name,
            email=f"{name}@example.com",
            orgs=roles,
            is_pro=is_pro,
            can_pay=can_pay,
        )
        self.users[name] = user
        return user

    def add_token(
        self,
        token: str,
        *,
        user: str,
        role: TokenRole = "read",
        scopes: Mapping[str, Sequence[str]] | None = None,
    ) -> HubToken:
        """Add a user's token. A ``fineGrained`` one has ``scopes``: permissions by namespace or by Space.

        Of the permissions, ``repo.content.read`` and ``repo.write`` count. Raises ``LookupError`` for an unknown user
        and ``ValueError`` for a token that there is already.
        """
        if user not in self.users:
            raise LookupError(f"there is no user {user!r}")
        if token in self._tokens:
            raise ValueError("there is such a token already")
        made = HubToken(
            value=token,
            user=self.users[user],
            role=role,
            scopes={entity: frozenset(permissions) for entity, permissions in (scopes or {}).items()},
            label=f"token {len(self._tokens) + 1}",
            created=self.date(),
        )
        self._tokens[token] = made
        return made

    def revoke_token(self, token: str) -> None:
        """Let a token be good no more. Raises ``LookupError`` if it was not."""
        if token not in self._tokens:
            raise LookupError("there is no such token")
        del self._tokens[token]

    def add_space(
        self,
        space_id: str,
        *,
        app: Callable[[], FakeApp] = demo_app,
        private: bool = False,
        gated: Gating = False,
        disabled: bool = False,
        stage: Stage = "RUNNING",
        hardware: str = "cpu-basic",
        sleep_time: int | None = None,
        sdk: str = "gradio",
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        build_seconds: float | None = None,
        start_seconds: float | None = None,
    ) -> HubSpace:
        """Add a Space; its owner need not be a user here.

        ``app`` makes its app, anew for each start and for each duplicate. ``sleep_time`` is in seconds; on cpu-basic it
        is always two days. Raises ``ValueError`` for an id, a stage or a hardware that cannot be.
        """
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", space_id, re.ASCII):
            raise ValueError(f"{space_id!r} is no id of a Space, which is 'owner/name'")
        if space_id in self.spaces:
            raise ValueError(f"there is a Space {space_id} already")
        if hardware not in HARDWARE:
            raise ValueError(f"{hardware!r} is no hardware; there is {', '.join(HARDWARE)}")
        if not callable(app):
            raise TypeError(f"the app of {space_id} is a function that makes one, not {app!r:.80}")
        space = HubSpace(
            self,
            space_id,
            app,
            private=private,
            gated=gated,
            disabled=disabled,
            hardware=hardware,
            sleep_time=CPU_BASIC_SLEEP if hardware == "cpu-basic" else sleep_time,
            sdk=sdk,
            build_seconds=self.build_seconds if build_seconds is None else build_seconds,
            start_seconds=self.start_seconds if start_seconds is None else start_seconds,
        )
        for settings, given in ((space.secrets, secrets), (space.variables, variables)):
            for key, value in (given or {}).items():
                settings[key] = {"key": key, "value": value, "description": None, "updatedAt": self.date()}
        space.set_stage(stage)
        self.spaces[space_id] = space
        self._give_address(space)
        return space

    # -- for tests

    def space(self, space_id: str) -> HubSpace:
        """Give a Space. Raises ``LookupError`` if there is none of that id."""
        if space_id not in self.spaces:
            raise LookupError(f"no Space {space_id}; there are {', '.join(self.spaces) or 'none'}")
        return self.spaces[space_id]

    def rename(self, old: str, new: str) -> None:
        """Give a Space another id and with it another address; the API redirects from the old id to the new one.

        Its app begins anew, under the new name. Raises ``LookupError`` for a Space that there is not and ``ValueError``
        for an id that cannot be.
        """
        space = self.space(old)
        if new in self.spaces or not re.fullmatch(r"[\w.-]+/[\w.-]+", new, re.ASCII):
            raise ValueError(f"a Space cannot be called {new!r}")
        self.spaces = {new if key == old else key: value for key, value in self.spaces.items()}
        self._old_names[old] = new
        self._old_names.pop(new, None)
        self._leave_address(space)
        space.id = space.front.site = new
        space.drop_app()
        self._give_address(space)

    def remove_space(self, space_id: str) -> None:
        """Remove a Space; at its address there is nothing from now on. Raises ``LookupError`` if there is none."""
        space = self.space(space_id)
        space.set_stage("DELETING")
        del self.spaces[space_id]
        self._leave_address(space)
        space.front.close()

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for so many seconds from now, at all addresses; 0 ends it."""
        self.listening.stop_for(seconds)

    def limit_requests(self, limit: int | None, *, window: float = 300.0) -> None:
        """Answer 429 to whoever makes more than ``limit`` requests to the API in ``window`` seconds; ``None`` to none.

        Each token has a count of its own, and all who have none share one.
        """
        self.rate_limit = None if limit is None else RateLimit(limit, window)

    @property
    def open_streams(self) -> list[RequestRecord]:
        """The streams that the apps of all Spaces have open."""
        return [record for app in self._apps for record in app.open_streams]

    @property
    def complaints(self) -> list[str]:
        """What a real Gradio refuses of that which the apps of Spaces were asked for; see :attr:`FakeApp.complaints`.

        What the Hub itself refuses is no complaint: whether there is a Space, and who may see it, is asked to be told.
        """
        return [f"#{record.number} {record.complaint}" for record in self.requests if record.complaint is not None]

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if the app of a Space was asked for anything that a real Gradio refuses."""
        check_strict(self.complaints)

    def assert_requested(self, kind: str, times: int | None = None, *, site: str | None = None) -> list[RequestRecord]:
        """Give the requests of a :attr:`RequestRecord.kind`, to all sites or to one: ``hub``, or the id of a Space.

        Raises ``AssertionError`` if there are not ``times`` of them, or without that none at all.
        """
        return check_requested((record for record in self.requests if site in (None, record.site)), kind, times)

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open, at the Hub or at any Space."""
        check_closed(list(self._open.values()))

    # -- for the shells

    @property
    def now(self) -> float:
        """The Hub's time in seconds."""
        return self.schedule.now

    @property
    def date_offset(self) -> float:
        """What to add to :attr:`now` for the seconds since 1970."""
        return self._date_offset

    @date_offset.setter
    def date_offset(self, value: float) -> None:
        self._date_offset = value
        for app in self._apps:
            app.date_offset = value

    def attach(self, url: str, open_address: OpenAddress, close_address: Callable[[str], None]) -> None:
        """A shell serves the Hub at ``url``, and makes an address for each Space, also those of later.

        It is told which of them are of no more use.
        """
        self.url = url
        self._open_address = open_address
        self._close_address = close_address
        for space in self.spaces.values():
            self._give_address(space)

    def connect(self) -> ServerConnection:
        """A client has connected to the Hub itself. Raises ``ConnectionRefusedError`` while nobody listens."""
        self.listening.check()
        return self._api.connect()

    def connect_to(self, subdomain: str) -> ServerConnection:
        """A client has connected to the address of a Space, or to where there is none any more.

        Raises ``ConnectionRefusedError`` while nobody listens.
        """
        self.listening.check()
        return self._fronts.get(subdomain, self._nowhere).connect()

    def connect_at(self, host: str) -> ServerConnection:
        """A client has connected to a host of a Hub in memory. Raises ``ConnectionRefusedError`` where nothing is."""
        if host == urlsplit(_MEMORY_URL).hostname:
            return self.connect()
        if host.endswith(_MEMORY_DOMAIN):
            return self.connect_to(host.removesuffix(_MEMORY_DOMAIN))
        raise ConnectionRefusedError(f"nothing listens at {host!r}; there are hub.test and *{_MEMORY_DOMAIN}")

    def tick(self, now: float) -> None:
        """Set the time, do what is due, and let jobs that can go on make some steps."""
        self.set_time(now)
        self.run_jobs()

    def set_time(self, now: float) -> None:
        """Set the time and do what is due: the first half of :meth:`tick`."""
        self.schedule.run_due(now)
        for app in list(self._apps):
            app.set_time(now)

    def run_jobs(self) -> None:
        """Let jobs that can go on make some steps: the second half of :meth:`tick`."""
        for app in list(self._apps):
            app.run_jobs()

    def settle(self) -> None:
        """Let jobs go on as far as they can at this time."""
        for app in list(self._apps):
            app.settle()

    def advance_to(self, until: float) -> None:
        """Let time pass up to ``until``; everything happens at its own moment and in its order."""
        self.settle()
        while (deadline := self.next_deadline()) is not None and self.now < deadline <= until:
            self.set_time(deadline)
            self.settle()
        self.set_time(until)
        self.settle()

    def next_deadline(self) -> float | None:
        """Give the time at which :meth:`tick` is needed; ``now`` if jobs could go on at once."""
        deadlines = [
            self.schedule.next_deadline(),
            *(app.next_deadline() for app in self._apps),
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def take_ready(self) -> list[ServerConnection]:
        """Give the connections that may have something to send or want to be closed, once."""
        ready = list(self.ready)
        self.ready.clear()
        return ready

    def use_disk(self) -> None:
        """Let the apps keep their files in temporary directories."""
        self._on_disk = True
        for app in self._apps:
            app.use_disk()

    def close(self) -> None:
        """Drop all connections and jobs, and remove the files of the apps."""
        # Whoever asks for an app or an address from now on opens nothing that nobody closes.
        self._on_disk = False
        self._open_address = _memory_address
        self._close_address = lambda _: None
        self._left.clear()
        for front in self._all_fronts():
            front.close()
        for app in list(self._apps):
            app.close()

    # -- for its parts

    def wall_time(self) -> float:
        """Give the date in seconds since 1970."""
        return self.now + self._date_offset

    def date(self, *, after: float = 0.0) -> str:
        """Give the date ``after`` seconds from now as the Hub writes it."""
        moment = datetime.fromtimestamp(self.wall_time() + after, timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"

    def new_id(self, length: int) -> str:
        """Make some hex digits."""
        self._minted += 1
        return hashlib.sha256(f"{self._seed}{self._minted}".encode()).hexdigest()[:length]

    def next_connection(self) -> int:
        """Count a connection."""
        self._connection_count += 1
        return self._connection_count

    def log_request(
        self,
        site: str,
        connection: ServerConnection,
        method: str,
        path: str,
        query: str,
        headers: list[tuple[str, str]],
    ) -> RequestRecord:
        """Write a request into the log."""
        self._request_count += 1
        record = RequestRecord(
            number=self._request_count,
            connection=connection.number,
            method=method,
            path=path,
            query=query,
            headers=headers,
            kind="unknown",
            started=self.now,
            site=site,
        )
        self.requests.append(record)
        self._open[record.number] = record
        return record

    def exchange_over(self, exchange: Exchange) -> None:
        """A request has been answered, or never will be."""
        self._open.pop(exchange.record.number, None)

    def find_token(self, authorization: str) -> HubToken | None:
        """Give the token of an ``Authorization`` header, if it is good."""
        scheme, _, value = authorization.partition(" ")
        return self._tokens.get(value.strip()) if scheme.lower() == "bearer" else None

    def org_id(self, name: str) -> str:
        """Give an organisation's id."""
        return self._org_ids.setdefault(name, self.new_id(24))

    def renamed(self, space_id: str) -> HubSpace | None:
        """Give the Space that once had this id."""
        seen: set[str] = set()
        while space_id in self._old_names and space_id not in seen:
            seen.add(space_id)
            space_id = self._old_names[space_id]
        return self.spaces.get(space_id) if seen else None

    def open_address(self, subdomain: str) -> str:
        """Let the shell make the address of a Space; give its URL."""
        return self._open_address(subdomain, lambda: self.connect_to(subdomain))

    def space_at(self, subdomain: str) -> HubSpace | None:
        """Give the Space of a subdomain."""
        return next((space for space in self.spaces.values() if space.subdomain == subdomain), None)

    def sign(self, space: HubSpace, token: HubToken, seconds: float) -> str:
        """Make what opens a Space in place of a token, for so long."""
        until = self.now + seconds
        claims = {"sub": f"/spaces/{space.id}", "user": token.user.name, "exp": int(until + self._date_offset)}
        parts = [compact_json({"alg": "EdDSA"}), compact_json(claims), self.new_id(64)]
        signature = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        self._signatures[signature] = space, token, until
        return signature

    def is_signed(self, space: HubSpace, signature: str | None) -> bool:
        """Say whether a signature opens a Space now."""
        signed = None if signature is None else self._signatures.get(signature)
        return signed is not None and signed[0] is space and self.now < signed[2]

    def duplicate(
        self, source: HubSpace, space_id: str, *, private: bool, hardware: str, sleep_time: int | None
    ) -> HubSpace:
        """Make a Space of another's app and variables, and build it."""
        space = self.add_space(
            space_id,
            app=source.app_factory,
            private=private,
            stage="BUILDING",
            hardware=hardware,
            sleep_time=sleep_time,
            sdk=source.sdk,
            build_seconds=source.build_seconds,
            start_seconds=source.start_seconds,
        )
        space.duplicated_from = source.id
        space.outcome = source.outcome
        space.history.clear()
        space.tags = list(source.tags)
        space.title = source.title
        space.variables.update({key: dict(setting) for key, setting in source.variables.items()})
        space.build()
        return space

    def adopt(self, app: FakeApp) -> None:
        """Let time pass for a Space's app from now on. Raises ``ValueError`` for one that runs already."""
        if app in self._apps:
            raise ValueError("what makes a Space's app must make a new one each time")
        app.date_offset = self._date_offset
        app.set_time(self.now)
        if self._on_disk:
            app.use_disk()
        self._apps[app] = None

    def abandon(self, app: FakeApp) -> None:
        """A Space's app has ended."""
        del self._apps[app]
        app.close()

    # -- inside

    def _all_fronts(self) -> list[Front]:
        return [self._api, self._nowhere, *(space.front for space in self.spaces.values())]

    def _leave_address(self, space: HubSpace) -> None:
        self._fronts.pop(space.subdomain, None)
        if space.host_if_made is not None:
            self._left.append(space.host_if_made)
        while len(self._left) > _REMEMBERED_ADDRESSES:
            self._close_address(self._left.popleft())

    def _give_address(self, space: HubSpace) -> None:
        subdomain = space.subdomain
        if self._fronts.get(subdomain) is not space.front:
            subdomain = re.sub(r"[^a-z0-9]+", "-", space.id.lower()).strip("-")
            if subdomain in self._fronts:  # ids that differ in a dot only, say
                subdomain = f"{subdomain}-{self.new_id(6)}"
            self._fronts[subdomain] = space.front
        space.move_to(subdomain)
