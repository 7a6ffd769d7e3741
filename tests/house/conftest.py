"""Everybody who may come to an address, for the tests of who gets in where."""

import logging
from collections.abc import Iterator

import pytest
from django.conf import settings as project
from django.db import transaction
from pytest_django import DjangoDbBlocker

from tests.conftest import keep_lock_files_in
from tests.support.access import Program, Visitors


@pytest.fixture(scope="module")
def everybody(
    demo_program: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Program, Visitors]]:
    """The program and its visitors, for all tests of this module."""
    folder = tmp_path_factory.mktemp("access")
    logging.disable(logging.WARNING)  # Each refusal would be told with its traceback.
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        keep_lock_files_in(patch, folder)
        patch.setattr(project, "UPLOAD_DIR", folder)
        yield Program(), Visitors()
        transaction.set_rollback(True)
    logging.disable(logging.NOTSET)
