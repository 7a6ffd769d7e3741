"""The codes of the feeds as people write them."""

import re

_CODE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_SPELLED = {"github": "GitHub", "gitlab": "GitLab", "sso": "SSO", "saml": "SAML", "api": "API", "ci": "CI"}
_SPELLED |= {"pr": "PR", "prs": "PRs", "vpn": "VPN", "ip": "IP", "id": "ID", "url": "URL", "oauth": "OAuth"}


def code_in_words(code: str) -> str:
    """Return a feed's code as people write it: ``github_permissions`` is GitHub permissions. Other texts stay."""
    if not _CODE.fullmatch(code):
        return code
    words = " ".join(_SPELLED.get(word, word) for word in code.split("_"))
    return words[:1].upper() + words[1:]
