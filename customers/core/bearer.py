"""How a request to another machine shows our token."""

from requests import PreparedRequest
from requests.auth import AuthBase


class Bearer(AuthBase):
    """Puts the token, if any, into a request; it also keeps requests from looking for a login in the user's .netrc."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put it in."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request
