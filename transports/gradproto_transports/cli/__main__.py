"""``python -m gradproto_transports.cli``: the same as ``gradproto``."""

from . import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
