"""For all tests: nothing reports home or asks the Hub, proxies stay out of it, and a slow machine is no failure."""

from __future__ import annotations

import os

from hypothesis import settings

# For Gradio, in this process and in those that tests start.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
for _name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(_name, None)

settings.register_profile("gradproto", deadline=None, print_blob=True)
settings.load_profile("gradproto")
