"""The I/O around gradproto: clients of Gradio apps for threads (``sync``), trio (``trio``) and asyncio (``asyncio``).

Each module has the same names: import the one that fits. None of them imports another, and this package imports none.
"""

__all__: list[str] = []
