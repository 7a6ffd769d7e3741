"""How a request to another machine shows our token."""

from requests import PreparedRequest
from requests.auth import AuthBase

from customers.text.say import english


class Bearer(AuthBase):
    """Puts the token, if any, into a request; it also keeps requests from looking for a login in the user's .netrc."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put it in."""
        if self._token:
            request.headers["Authorization"] = english(f"Bearer {self._token}")
        return request
