"""Client of the HTTP API of Handful: enroll classes from a few images, classify new images.

    from handful_client import Handful

    with Handful("http://127.0.0.1:8080") as handful:
        handful.enroll("mug", ["mug1.jpg", "mug2.jpg"])
        answer = handful.classify("photo.jpg")
        print(answer.label, answer.confidence)

`AsyncHandful` has the same methods as coroutines. `models` has the types of the answers.
"""

from handful_client import models
from handful_client._async.client import AsyncHandful
from handful_client._async.gallery import AsyncGallery
from handful_client._generated.sync.client import Handful
from handful_client._generated.sync.gallery import Gallery
from handful_client.errors import HandfulError
from handful_client.images import Image, Images

__all__ = [
    "AsyncGallery",
    "AsyncHandful",
    "Gallery",
    "Handful",
    "HandfulError",
    "Image",
    "Images",
    "models",
]
