"""The bucket as django-storages has it, with the limits that our pages and jobs need."""

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from storages.backends.s3 import S3Storage

CONNECT_SECONDS, ANSWER_SECONDS, TRIES = 3, 10, 2
_PART = 8 * 2**20
"""So many bytes of an upload are in memory at once, since one part is sent after the other."""


class SharedBucket(S3Storage):
    """A bucket whose files are bytes for us alone: never decoded on the way, never public, replaced as a whole."""

    bucket_name: str
    location: str

    def __init__(self, **options: str | None) -> None:
        is_elsewhere = bool(options.get("endpoint_url"))
        client = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # A server that is not of AWS may answer under one name alone, and know no newer checksums.
            s3={"addressing_style": "path" if is_elsewhere else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        if options.get("access_key"):
            # What the environment has belongs to another key.
            options["security_token"] = None
        super().__init__(
            client_config=client,
            transfer_config=TransferConfig(use_threads=False, multipart_threshold=_PART, multipart_chunksize=_PART),
            default_acl=None,
            file_overwrite=True,
            object_parameters={"ContentType": "application/octet-stream"},
            **options,
        )
