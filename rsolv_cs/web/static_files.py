"""The addresses of static files."""

from functools import cache

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Files by their hashed names, which stay the same while the process lives.

    Each address is made once, because each page has some thirty of them.
    """

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]  # whitenoise has no types
        self.url = cache(self.url)  # type: ignore[method-assign]  # by instance, so that it ends with it
