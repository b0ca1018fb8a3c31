"""The routes of the fake Hub's API, as ``huggingface_hub`` 2.4 and both Gradio clients call them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from ._hub_api import Answer, Call, Refusal, Route
from ._hub_front import html_page
from ._hub_hardware import HARDWARE
from ._hub_spaces import HubSpace
from ._json import compact_json, is_list, is_object

__all__ = ["ROUTES"]

_KEY = re.compile(r"[a-zA-Z][_a-zA-Z0-9]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_SIGNED_FOR = 86_400.0  # seconds that a signature is good for


# -- accounts


def _whoami(call: Call) -> Answer:
    token = call.required_token()
    user = token.user
    about_orgs: list[dict[str, Any]] = [
        {
            "type": "org",
            "id": call.hub.org_id(name),
            "name": name,
            "fullname": name,
            "email": None,
            "canPay": user.can_pay,
            "periodEnd": None,
            "avatarUrl": f"{call.hub.url}/avatars/{name}.svg",
            "isEnterprise": False,
            "roleInOrg": role,
        }
        for name, role in user.orgs.items()
    ]
    return Answer(
        value={
            "type": "user",
            "id": user.id,
            "name": user.name,
            "fullname": user.fullname,
            "email": user.email,
            "emailVerified": True,
            "canPay": user.can_pay,
            "billingMode": "postpaid",
            "periodEnd": None,
            "isPro": user.is_pro,
            "avatarUrl": f"{call.hub.url}/avatars/{user.name}.svg",
            "orgs": about_orgs,
            "auth": {"type": "access_token", "accessToken": token.described()},
        }
    )


def _quota(call: Call) -> Answer:
    user = call.required_token().user
    used = user.zero_gpu_left < user.zero_gpu_base
    resets = call.hub.date(after=86_400.0) if used else None
    return Answer(
        value={"base": user.zero_gpu_base, "current": user.zero_gpu_left, "resetsAt": resets, "overquotaUsed": 0}
    )


# -- reading Spaces


def _space(call: Call) -> Answer:
    space = call.space()
    expand = _expand(call)
    return Answer(value=space.expanded(expand) if expand else space.info())


def _revision(call: Call) -> Answer:
    space = call.space()
    if call.parameters[2] not in ("main", space.sha):
        raise Refusal(404, f"Invalid rev id: {call.parameters[2]}", "RevisionNotFound")
    return _space(call)


def _expand(call: Call) -> list[str]:
    return [value for key, value in call.query if key in ("expand", "expand[]")]


def _by_subdomain(call: Call) -> Answer:
    space = call.hub.space_at(call.parameters[0])
    call.parameters = ("", "") if space is None else (space.owner, space.name)
    return _space(call)


def _host(call: Call) -> Answer:
    space = call.space()
    return Answer(value={"subdomain": space.subdomain, "host": space.host})


def _runtime(call: Call) -> Answer:
    return Answer(value=call.space().runtime())


def _auth_check(call: Call) -> Answer:
    call.space()
    return Answer(value={})


def _auth_check_write(call: Call) -> Answer:
    call.writable_space()
    return Answer(value={})


def _jwt(call: Call) -> Answer:
    space = call.space()
    token = call.required_token()
    return Answer(value={"token": call.hub.sign(space, token, _SIGNED_FOR)})


def _page(call: Call) -> Answer:
    try:
        space = call.space()
    except Refusal as refusal:
        if refusal.status == 307:
            raise
        return Answer(status=refusal.status, html=html_page(str(refusal.status), "There is no such page for you."))
    frame = f'<iframe src="{space.host}" title="{space.id}"></iframe>'
    return Answer(html=html_page(f"{space.id} - a Space", f"{space.stage} {frame}"))


def _hardware_list(_call: Call) -> Answer:
    return Answer(value=[hardware.described() for hardware in HARDWARE.values()])


_SORTS: dict[str, Callable[[HubSpace], Any]] = {
    "likes": lambda space: space.likes,
    "createdAt": lambda space: space.created,
    "lastModified": lambda space: space.modified,
    "trendingScore": lambda space: 0,
}


def _list(call: Call) -> Answer:
    found = [space for space in call.hub.spaces.values() if _is_listed(space, call)]
    order = call.item("sort")
    if order is not None:
        if order not in _SORTS:
            raise Refusal(400, f'"sort" must be one of {", ".join(_SORTS)}')
        found.sort(key=_SORTS[order], reverse=call.item("direction") != "1")
    size = min(_number(call, "limit", call.hub.page_size), call.hub.page_size)
    start = _start(call)
    page = found[start : start + size]
    expand = _expand(call)
    full = call.item("full") is not None
    headers: list[tuple[str, str]] = []
    if start + size < len(found):
        cursor = base64.urlsafe_b64encode(compact_json({"from": start + size}).encode()).decode().rstrip("=")
        kept = [piece for piece in call.query_string.split("&") if piece and not piece.startswith("cursor=")]
        query = "&".join([*kept, f"cursor={cursor}"])
        headers.append(("link", f'<{call.hub.url}/api/spaces?{query}>; rel="next"'))
    told = [space.expanded(expand) if expand else space.listed(full=full) for space in page]
    return Answer(value=told, headers=headers)


def _is_listed(space: HubSpace, call: Call) -> bool:
    token = call.token
    if space.disabled or (space.private and not (token is not None and token.may_read(space.owner, space.id))):
        return False
    author = call.item("author")
    search = call.item("search")
    tags = [tag for key, value in call.query if key == "filter" for tag in value.split(",")]
    return (
        (author is None or space.owner == author)
        and (search is None or search.lower() in space.id.lower())
        and all(tag in space.tags for tag in tags)
    )


def _number(call: Call, name: str, default: int) -> int:
    text = call.item(name)
    if text is None:
        return default
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise Refusal(400, f'"{name}" must be a number above zero')
    return int(text)


def _start(call: Call) -> int:
    cursor = call.item("cursor")
    if cursor is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        text = ""
    match = re.fullmatch(r'\{"from":([0-9]{1,9})\}', text)
    if match is None:
        raise Refusal(400, 'Invalid "cursor"')
    return int(match[1])


# -- making and changing Spaces


def _duplicate(call: Call) -> Answer:
    source = call.space()
    target = call.text("repository")
    owner, _, name = target.partition("/")
    if not _NAME.fullmatch(owner) or not _NAME.fullmatch(name):
        raise Refusal(400, '"repository" must be "owner/name", of letters, digits, ".", "_" and "-"')
    token = call.check_write(target)
    hub = call.hub
    if target in hub.spaces:
        raise Refusal(409, "You already created this space repo", url=f"{hub.url}/spaces/{target}")
    hardware = call.optional_text("hardware") or "cpu-basic"
    _check_hardware(call, source, hardware, 402)
    sleep_time = _sleep_time(call, "sleepTimeSeconds")
    private = _is_private(call, source)
    secrets, variables = _settings(call, "secrets"), _settings(call, "variables")
    space = hub.duplicate(source, target, private=private, hardware=hardware, sleep_time=sleep_time)
    space.secrets.update(secrets)
    space.variables.update(variables)
    space.granted.add(token.user.name)
    return Answer(value={"url": f"{hub.url}/spaces/{space.id}"})


def _is_private(call: Call, source: HubSpace) -> bool:
    """Say what is asked: today by ``visibility``, until huggingface_hub 1.0 by ``private``; else as the original is."""
    visibility = call.optional_text("visibility")
    if visibility is not None:
        if visibility not in ("public", "private", "protected"):
            raise Refusal(400, '"visibility" must be public, private or protected')
        return visibility == "private"
    private = call.body.get("private")
    if private is None:
        return source.private
    if not isinstance(private, bool):
        raise Refusal(400, '"private" must be a boolean')
    return private


def _settings(call: Call, name: str) -> dict[str, dict[str, Any]]:
    given = call.body.get(name)
    if given is None:
        return {}
    if not is_list(given) or not all(is_object(item) for item in given):
        raise Refusal(400, f'"{name}" must be a list of objects')
    return dict(_setting(call, item) for item in given)


def _setting(call: Call, item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    key, value, description = item.get("key"), item.get("value"), item.get("description")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise Refusal(400, '"key" must be letters, digits and "_", and begin with a letter')
    if not isinstance(value, str):
        raise Refusal(400, '"value" must be a string')
    if description is not None and not isinstance(description, str):
        raise Refusal(400, '"description" must be a string')
    return key, {"key": key, "value": value, "description": description, "updatedAt": call.hub.date()}


def _check_hardware(call: Call, space: HubSpace, flavor: str, unpaid: int) -> None:
    if space.sdk == "static":
        if flavor == "cpu-basic":
            return
        raise Refusal(400, "A static Space runs on no hardware")
    hardware = HARDWARE.get(flavor)
    if hardware is None:
        raise Refusal(400, f'"hardware" must be one of {", ".join(HARDWARE)}')
    user = call.required_token().user
    if hardware.cents and not user.can_pay:
        raise Refusal(unpaid, "Upgraded hardware needs a payment method in your account's billing settings")
    if flavor == "zero-a10g" and not user.is_pro:
        raise Refusal(403, "ZeroGPU is for PRO accounts")


def _sleep_time(call: Call, name: str) -> int | None:
    """Read how long a Space stays awake, in seconds; -1 and null are for ever."""
    if call.body.get(name) is None:
        return None
    seconds = call.whole(name)
    if seconds == -1:
        return None
    if seconds <= 0:
        raise Refusal(400, f'"{name}" must be above zero, or -1 for never')
    return seconds


def _hardware(call: Call) -> Answer:
    space = call.writable_space()
    flavor = call.text("flavor")
    if space.sdk == "static":
        raise Refusal(400, "A static Space runs on no hardware")
    # Seen in 2023: 403 for an account without a payment method (gradio#3804).
    _check_hardware(call, space, flavor, 403)
    space.request_hardware(flavor, _sleep_time(call, "sleepTimeSeconds"))
    return Answer(value=space.runtime())


def _sleeptime(call: Call) -> Answer:
    space = call.writable_space()
    call.whole("seconds")
    seconds = _sleep_time(call, "seconds")
    if space.requested_hardware == "cpu-basic":
        # Seen in 2025 (autotrain-advanced#844); before that it was taken and had no effect.
        raise Refusal(400, "The sleep time of a Space on cpu-basic cannot be changed")
    space.set_sleep_time(seconds)
    return Answer(value=space.runtime())


def _pause(call: Call) -> Answer:
    space = call.writable_space()
    space.set_stage("PAUSED")
    return Answer(value=space.runtime())


def _restart(call: Call) -> Answer:
    space = call.writable_space()
    space.restart(factory=call.item("factory") == "true")
    return Answer(value=space.runtime())


def _secrets_told(space: HubSpace) -> Answer:
    told = {
        key: {name: value for name, value in setting.items() if name != "value"}
        for key, setting in space.secrets.items()
    }
    return Answer(value=told)


def _get_secrets(call: Call) -> Answer:
    return _secrets_told(call.writable_space())


def _add_secret(call: Call) -> Answer:
    space = call.writable_space()
    key, setting = _setting(call, call.body)
    space.secrets[key] = setting
    return _secrets_told(space)


def _delete_secret(call: Call) -> Answer:
    space = call.writable_space()
    space.secrets.pop(call.text("key"), None)
    return _secrets_told(space)


def _get_variables(call: Call) -> Answer:
    return Answer(value=call.writable_space().variables)


def _add_variable(call: Call) -> Answer:
    space = call.writable_space()
    key, setting = _setting(call, call.body)
    space.variables[key] = setting
    return Answer(value=space.variables)


def _delete_variable(call: Call) -> Answer:
    space = call.writable_space()
    space.variables.pop(call.text("key"), None)
    return Answer(value=space.variables)


_SPACE = "/api/spaces/{}/{}"

# The first that fits answers: those without a name of a Space in them come first.
ROUTES = (
    Route(path="/api/whoami-v2", kind="whoami", methods={"GET": _whoami}),
    Route(path="/api/spaces", kind="list", methods={"GET": _list}),
    Route(path="/api/spaces/hardware", kind="hardware_list", methods={"GET": _hardware_list}),
    Route(path="/api/spaces/zero-gpu/quota", kind="quota", methods={"GET": _quota}),
    Route(path="/api/spaces/by-subdomain/{}", kind="by_subdomain", methods={"GET": _by_subdomain}),
    Route(path=_SPACE, kind="space", methods={"GET": _space}),
    Route(path=f"{_SPACE}/revision/{{}}", kind="space", methods={"GET": _revision}),
    Route(path=f"{_SPACE}/host", kind="host", methods={"GET": _host}),
    Route(path=f"{_SPACE}/runtime", kind="runtime", methods={"GET": _runtime}),
    Route(path=f"{_SPACE}/jwt", kind="jwt", methods={"GET": _jwt}),
    Route(path=f"{_SPACE}/auth-check", kind="auth_check", methods={"GET": _auth_check}),
    Route(path=f"{_SPACE}/auth-check/write", kind="auth_check", methods={"GET": _auth_check_write}),
    Route(path=f"{_SPACE}/duplicate", kind="duplicate", methods={"POST": _duplicate}),
    Route(path=f"{_SPACE}/hardware", kind="hardware", methods={"POST": _hardware}),
    Route(path=f"{_SPACE}/sleeptime", kind="sleeptime", methods={"POST": _sleeptime}),
    Route(path=f"{_SPACE}/pause", kind="pause", methods={"POST": _pause}),
    Route(path=f"{_SPACE}/restart", kind="restart", methods={"POST": _restart}),
    Route(
        path=f"{_SPACE}/secrets",
        kind="secrets",
        methods={"GET": _get_secrets, "POST": _add_secret, "DELETE": _delete_secret},
    ),
    Route(
        path=f"{_SPACE}/variables",
        kind="variables",
        methods={"GET": _get_variables, "POST": _add_variable, "DELETE": _delete_variable},
    ),
    Route(path="/spaces/{}/{}", kind="page", methods={"GET": _page}),
)
