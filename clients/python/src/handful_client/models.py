"""The types of requests and answers, with the descriptions of docs/openapi.json.

A field that is named as a word of Python has an underscore after its name: `class_`.
"""

from handful_client._generated.models import *  # noqa: F403
