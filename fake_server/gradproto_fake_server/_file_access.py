"""Which files a client may have: those that were uploaded or produced, and what the app's author allows besides."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence

from ._file_routes import serve_file
from ._files import Files, StoredFile
from ._http import Exchange
from ._profiles import Profile

__all__ = ["FileAccess"]

_MAX_PART = 255  # bytes of one name; a longer one is an error of the file system
_MAX_PATH = 4095
_HASH = re.compile(r"[0-9a-f]{64}")


class FileAccess:
    """Decides what a request for a path gets.

    ``allowed`` and ``blocked`` are files and directories of the machine, as in ``launch()``; what is blocked stays
    closed even if it was uploaded.
    """

    def __init__(self, profile: Profile, *, allowed: Sequence[str], blocked: Sequence[str]) -> None:
        """Raises ``ValueError`` if there are any for a Gradio that knows none."""
        if (allowed or blocked) and not profile.allows_paths:
            raise ValueError(f"Gradio {profile.version} has no allowed_paths and no blocked_paths")
        for name, paths in (("allowed_paths", allowed), ("blocked_paths", blocked)):
            if isinstance(paths, str):
                raise ValueError(f"{name} is a list of files and directories, not {paths!r:.80}")
        self._profile = profile
        self._allowed = [os.path.abspath(path) for path in allowed]
        self._blocked = [os.path.abspath(path) for path in blocked]

    def answer(self, exchange: Exchange, files: Files, path: str) -> None:
        """Serve a file, or refuse it in the words of the time, which tell more or less of what there is."""
        if path.startswith(("http://", "https://")) and self._profile.file_redirects:
            exchange.respond(302, content_type=None, headers=[("location", _header_text(path))])
            return
        whole = posixpath.normpath(path)
        stored = None if self._is_blocked(path, whole) else files.get(whole)
        if stored is not None:
            serve_file(exchange, stored, self._profile, trusted=False)
        elif (on_disk := self._on_disk(path, whole)) is not None:
            serve_file(exchange, on_disk, self._profile, trusted=self._profile.trusts_allowed)
        else:
            self._refuse(exchange, files, path, whole)

    def _is_blocked(self, path: str, whole: str) -> bool:
        if self._profile.refuses_dotdot and ".." in path.split("/"):
            return True
        if self._profile.hides_dotfiles and any(part.startswith(".") for part in path.split("/") if part != "."):
            return True
        return any(_is_within(whole, blocked) for blocked in self._blocked)

    def _on_disk(self, path: str, whole: str) -> StoredFile | None:
        """Give an allowed file of the machine."""
        if self._is_blocked(path, whole) or not self._is_allowed(whole) or "\0" in whole or not os.path.isfile(whole):
            return None
        if self._profile.follows_links is False:
            real = os.path.realpath(whole)
            if not self._is_allowed(real) or self._is_blocked(real, real):
                return None
        found = os.stat(whole)
        return StoredFile(whole, found.st_size, found.st_mtime, None)

    def _is_allowed(self, whole: str) -> bool:
        return posixpath.isabs(whole) and any(_is_within(whole, allowed) for allowed in self._allowed)

    def _refuse(self, exchange: Exchange, files: Files, path: str, whole: str) -> None:
        manner = self._profile.file_refusal
        absent = self._is_absent(files, path, whole)
        if manner == "crash" or (manner == "found" and _is_too_long(path)):
            exchange.respond_crash()
        elif absent and manner != "never found":
            exchange.respond_detail(404, "File not found" if manner == "long" else f"File not found: {path}.")
        elif manner != "long" or self._is_blocked(path, whole):
            exchange.respond_detail(403, f"File not allowed: {path}.")
        elif (whole != "." and _is_directory(files, whole)) or self._is_allowed(whole):
            exchange.respond_detail(403, "Forbidden")
        else:
            where = "the Gradio python app working directory, or be a temp file created by the Gradio python app"
            exchange.respond_detail(403, f"File cannot be fetched: {path}. All files must contained within {where}.")

    def _is_absent(self, files: Files, path: str, whole: str) -> bool:
        """Say whether a file is not there though it could be; what is relative would be where the app was started."""
        if self._is_blocked(path, whole):
            return False
        if not posixpath.isabs(whole):
            return self._profile.serves_own_directory and whole != "." and not whole.startswith("..")
        if self._is_allowed(whole):
            return not os.path.isdir(whole)
        return _is_within(whole, _root(files)) and not _is_directory(files, whole)


def _root(files: Files) -> str:
    root = getattr(files, "root", None)
    return root if isinstance(root, str) else "/tmp/gradio"


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")  # "/" itself has its slash


def _is_directory(files: Files, whole: str) -> bool:
    root = _root(files)
    return whole in (".", root) or (_is_within(whole, root) and _HASH.fullmatch(whole[len(root) + 1 :]) is not None)


def _is_too_long(path: str) -> bool:
    return len(path.encode()) > _MAX_PATH or any(len(part.encode()) > _MAX_PART for part in path.split("/"))


def _header_text(url: str) -> str:
    """Make a URL fit for a header: what is no printable ASCII is quoted."""
    return "".join(c if "!" <= c <= "~" else "".join(f"%{byte:02X}" for byte in c.encode()) for c in url)
